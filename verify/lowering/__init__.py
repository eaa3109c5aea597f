"""From a derived formula to an executed one."""
