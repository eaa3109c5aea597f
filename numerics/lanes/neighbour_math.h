
// Arithmetic on neighbouring numbers of one replica.
template <class INT>
INLINE I load_ints(const INT* from) {
  I x;
  for (int lane = 0; lane < LANES; lane++) x[lane] = from[lane];
  return x;
}
INLINE M load_masks(const bool* from) {
  M x;
  for (int lane = 0; lane < LANES; lane++) x[lane] = -BITS(from[lane]);
  return x;
}
INLINE void store(bool* to, M x) {
  for (int lane = 0; lane < LANES; lane++) to[lane] = x[lane];
}
INLINE void store(int64_t* to, I x) { std::memcpy(to, &x, sizeof x); }
INLINE I count_from(int64_t first) {
  I x;
  for (int lane = 0; lane < LANES; lane++) x[lane] = first + lane;
  return x;
}

// Zeros in the first lanes, the others as they are, NaN included.
template <int FIRST, int... LANE>
INLINE V with_zeros(V x, std::integer_sequence<int, LANE...>) {
  const M others = {(LANE < FIRST ? 0 : -1)...};
  return (V)((M)x & others);
}
template <int FIRST>
INLINE V but_first(V x) { return with_zeros<FIRST>(x, std::make_integer_sequence<int, LANES>{}); }

// The sum over lanes, halves first.
#ifdef TRANSPOSES
template <class T, int... LANE>
INLINE auto halves_added(T x, std::integer_sequence<int, LANE...>) {
  return __builtin_shufflevector(x, x, LANE...) + __builtin_shufflevector(x, x, (LANE + int(sizeof...(LANE)))...);
}
template <int SIZE = LANES, class T>
INLINE REAL lane_sum(T x) {
  if constexpr (SIZE == 2) return x[0] + x[1];
  else return lane_sum<SIZE / 2>(halves_added(x, std::make_integer_sequence<int, SIZE / 2>{}));
}
#else
INLINE REAL lane_sum(V x) {
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; lane++) x[lane] += x[lane + half];
  return x[0];
}
#endif
