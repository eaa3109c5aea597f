"""Pure torch functions that simulate and measure. They know no theory."""
