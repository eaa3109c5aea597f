// Arithmetic on one number per lane. REAL is float or double; compilers know these vector types on every processor.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

constexpr int LANES = 64 / sizeof(REAL);
constexpr bool IS_DOUBLE = sizeof(REAL) == 8;
using BITS = std::conditional_t<IS_DOUBLE, int64_t, int32_t>;
typedef REAL V __attribute__((vector_size(64)));
typedef BITS M __attribute__((vector_size(64)));
typedef int64_t I __attribute__((vector_size(8 * LANES)));

// An optimiser that assumed finite numbers would hide a divergence: every selection lets NaN through.
#define INLINE static inline __attribute__((always_inline))

INLINE V vec(REAL x) { return x - V{}; }
INLINE V vec(V x) { return x; }
INLINE I ivec(int64_t x) { return x - I{}; }
INLINE I ivec(I x) { return x; }
INLINE M mask(bool x) { return (x ? -1 : 0) - M{}; }
INLINE M mask(M x) { return x; }
INLINE M not_(M x) { return ~x; }
INLINE bool not_(bool x) { return !x; }

INLINE V real(V x) { return x; }
INLINE REAL real(REAL x) { return x; }
INLINE REAL real(int64_t x) { return REAL(x); }
INLINE REAL real(bool x) { return REAL(x); }
INLINE V real_of_ints(I x) { return __builtin_convertvector(x, V); }
INLINE V real_of_mask(M x) { return __builtin_convertvector(-x, V); }
INLINE M mask_of_ints(I x) { return __builtin_convertvector(x, M); }

template <class T>
INLINE V load(const T* from) {
  V x;
  if constexpr (std::is_same_v<T, REAL>) {
    std::memcpy(&x, from, sizeof x);
  } else {
    for (int lane = 0; lane < LANES; lane++) x[lane] = REAL(from[lane]);
  }
  return x;
}
INLINE I load_ints(const int64_t* from) {
  I x;
  std::memcpy(&x, from, sizeof x);
  return x;
}
INLINE void store(REAL* to, V x) { std::memcpy(to, &x, sizeof x); }

INLINE V gather(const REAL* from, I at) {
  V x;
  for (int lane = 0; lane < LANES; lane++) x[lane] = from[at[lane]];
  return x;
}

// Rows of SIZE numbers, the row of lane l from `from + at[l]`, to one vector for each column: LANES columns at a time are
// read as rows and transposed in registers.
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define TRANSPOSES
#endif
#endif
#ifdef TRANSPOSES
template <int WIDTH, int... LANE>
INLINE void exchange(V& upper, V& lower, std::integer_sequence<int, LANE...>) {
  const V x = upper, y = lower;
  upper = __builtin_shufflevector(x, y, (LANE & WIDTH ? LANES + LANE - WIDTH : LANE)...);
  lower = __builtin_shufflevector(x, y, (LANE & WIDTH ? LANES + LANE : LANE + WIDTH)...);
}
template <int WIDTH = LANES / 2>
INLINE void transpose(V* rows) {
  for (int row = 0; row < LANES; row++)
    if (!(row & WIDTH)) exchange<WIDTH>(rows[row], rows[row + WIDTH], std::make_integer_sequence<int, LANES>{});
  if constexpr (WIDTH > 1) transpose<WIDTH / 2>(rows);
}
#endif
template <int SIZE>
INLINE void gather_rows(const REAL* from, I at, V* to) {
#ifdef TRANSPOSES
  if constexpr (SIZE >= LANES) {
    for (int start = 0; start < SIZE; start += LANES) {
      const int first = start + LANES <= SIZE ? start : SIZE - LANES;  // the last columns overlap those before
      V columns[LANES];
      for (int lane = 0; lane < LANES; lane++) columns[lane] = load(from + at[lane] + first);
      transpose(columns);
      for (int k = 0; k < LANES; k++) to[first + k] = columns[k];
    }
    return;
  }
#endif
  for (int k = 0; k < SIZE; k++) to[k] = gather(from + k, at);
}

// The mean over lanes of each of SIZE vectors.
template <int SIZE>
INLINE void lane_means(const V* from, REAL* to) {
  int row = 0;
#ifdef TRANSPOSES
  for (; row + LANES <= SIZE; row += LANES) {
    V lanes[LANES];
    for (int k = 0; k < LANES; k++) lanes[k] = from[row + k];
    transpose(lanes);
    V sum = lanes[0];
    for (int k = 1; k < LANES; k++) sum += lanes[k];
    store(to + row, sum / LANES);
  }
#endif
  for (; row < SIZE; row++) {
    REAL sum = from[row][0];
    for (int k = 1; k < LANES; k++) sum += from[row][k];
    to[row] = sum / LANES;
  }
}

template <class F>
INLINE V each(V x, F function) {
  for (int lane = 0; lane < LANES; lane++) x[lane] = function(x[lane]);
  return x;
}

INLINE V larger(V x, V y) { return (x < y) | (y != y) ? y : x; }
INLINE V smaller(V x, V y) { return (x > y) | (y != y) ? y : x; }
INLINE REAL larger(REAL x, REAL y) { return x < y || y != y ? y : x; }
INLINE REAL smaller(REAL x, REAL y) { return x > y || y != y ? y : x; }
INLINE V abs_(V x) { return (V)((M)x & std::numeric_limits<BITS>::max()); }
INLINE V sign_(V x) { return x > 0 ? vec(1) : (x < 0 ? vec(-1) : x); }
INLINE REAL sign_(REAL x) { return x > 0 ? REAL(1) : (x < 0 ? REAL(-1) : x); }

// 2^(n - lowered) and e^r - 1 for x = n log 2 + r, |r| <= log(2) / 2, by the exponential series to the last bit.
struct Power {
  V scale, expm1;
};
INLINE Power power(V x, int lowered = 0) {
  constexpr REAL magic = IS_DOUBLE ? REAL(6755399441055744.0) : REAL(12582912.0);  // 1.5 * 2^52: adding it rounds
  constexpr REAL high = IS_DOUBLE ? REAL(0x1.62e42fefap-1) : REAL(0x1.62e4p-1);
  constexpr REAL low = IS_DOUBLE ? REAL(0x1.cf79abc9e3b39p-40) : REAL(0x1.7f7d1cf8p-20);
  constexpr int terms = IS_DOUBLE ? 13 : 8;
  const V rounded = x * REAL(1.4426950408889634) + magic;
  const V n = rounded - magic;
  const V r = (x - n * high) - n * low;
  constexpr REAL factorials[] = {1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880, 3628800, 39916800, 479001600, 6227020800};
  V series = vec(1 / factorials[terms]);
  for (int k = terms - 1; k >= 1; k--) series = series * r + 1 / factorials[k];
  const M exponent = (M)rounded - (M)vec(magic) + ((IS_DOUBLE ? 1023 : 127) - lowered);
  return {(V)(exponent << (IS_DOUBLE ? 52 : 23)), series * r};
}

INLINE V exp_(V x) {
  constexpr REAL most = IS_DOUBLE ? 709.78 : 88.72, least = IS_DOUBLE ? -708.39 : -87.33;
  const V inside = x > most ? vec(most) : (x < least ? vec(least) : x);
  const Power p = power(inside, 1);  // half of it, so that 2^n stays finite
  const V result = (p.scale + p.scale * p.expm1) * 2;
  return x > most ? vec(std::numeric_limits<REAL>::infinity()) : (x < least ? vec(0) : result);
}
INLINE V expm1_(V x) {
  const V inside = x > 40 ? vec(40) : (x < -40 ? vec(-40) : x);
  const Power p = power(inside);
  const V result = p.scale * p.expm1 + (p.scale - 1);
  return (x > 40) | (x < -40) ? exp_(x) - 1 : result;
}
INLINE V tanh_(V x) {
  const V size = abs_(x);
  const Power p = power(2 * (size > 20 ? vec(20) : size));
  const V t = p.scale * p.expm1 + (p.scale - 1);
  const BITS sign = std::numeric_limits<BITS>::min();
  return (V)((M)(t / (t + 2)) | ((M)x & sign));
}
INLINE V sigmoid_(V x) { return 1 / (1 + exp_(-x)); }
INLINE REAL sigmoid_(REAL x) { return 1 / (1 + std::exp(-x)); }

// The other functions go lane by lane through the standard library.
#define BY_LANE(name)                                                        \
  INLINE V name##_(V x) { return each(x, [](REAL y) { return std::name(y); }); } \
  INLINE REAL name##_(REAL x) { return std::name(x); }
BY_LANE(sqrt)
BY_LANE(log)
BY_LANE(log1p)
BY_LANE(sin)
BY_LANE(cos)
BY_LANE(erf)
BY_LANE(atan)
BY_LANE(sinh)
BY_LANE(cosh)
INLINE REAL abs_(REAL x) { return std::abs(x); }
INLINE REAL exp_(REAL x) { return std::exp(x); }
INLINE REAL expm1_(REAL x) { return std::expm1(x); }
INLINE REAL tanh_(REAL x) { return std::tanh(x); }
INLINE REAL pow_(REAL x, REAL y) { return std::pow(x, y); }
INLINE V pow_(V x, REAL y) {
  return each(x, [y](REAL z) { return std::pow(z, y); });
}
