"""A step of one replica, translated to C++ that takes many steps of many replicas, one in each lane of a SIMD register.

torch.compile makes one pass over memory for each step and puts the replicas first, where nothing is vectorised. Here a
group of replicas stays in the first-level cache for a whole block of steps. A single replica, or one that is too large
for a group, has its labels spread over the lanes instead; and where steps read long rows of drawn data, which would
have to be copied to the lanes of different replicas, the lanes are neighbouring numbers of one replica.
"""
