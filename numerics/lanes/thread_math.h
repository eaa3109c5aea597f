// Arithmetic where a lane is a thread of a GPU: the names of lane_math.h for single numbers. REAL is float or double.
#ifdef __CUDACC_RTC__  // compiled while a program runs, without any header
typedef long long int64_t;
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#else
#include <cmath>
#include <cstdint>
#endif
#ifdef __CUDACC__
#define INLINE static __device__ __forceinline__
#else
#define INLINE static inline
#endif

using V = REAL;
using I = int64_t;
using M = bool;

INLINE V vec(REAL x) { return x; }
INLINE I ivec(int64_t x) { return x; }
INLINE M mask(bool x) { return x; }
INLINE M not_(bool x) { return !x; }

INLINE REAL real(REAL x) { return x; }
INLINE REAL real(int64_t x) { return REAL(x); }
INLINE REAL real(bool x) { return REAL(x); }
INLINE V real_of_ints(I x) { return REAL(x); }
INLINE V real_of_mask(M x) { return REAL(x); }
INLINE M mask_of_ints(bool x) { return x; }

template <class T>
INLINE V load(const T* from) {
  return REAL(*from);
}
INLINE I load_ints(const int64_t* from) { return *from; }
INLINE V gather(const REAL* from, I at) { return from[at]; }
template <int SIZE>
INLINE void gather_rows(const REAL* from, I at, V* to) {
#pragma unroll
  for (int k = 0; k < SIZE; k++) to[k] = from[at + k];
}

// An optimiser that assumed finite numbers would hide a divergence: every selection lets NaN through.
INLINE V larger(V x, V y) { return x < y || y != y ? y : x; }
INLINE V smaller(V x, V y) { return x > y || y != y ? y : x; }
INLINE V sign_(V x) { return x > 0 ? REAL(1) : (x < 0 ? REAL(-1) : x); }
INLINE V abs_(V x) { return x < 0 ? -x : x == 0 ? REAL(0) : x; }

namespace std {}
#define BY_NAME(name)       \
  INLINE V name##_(V x) {   \
    using namespace std;    \
    return name(x);         \
  }
BY_NAME(exp)
BY_NAME(expm1)
BY_NAME(tanh)
BY_NAME(sqrt)
BY_NAME(log)
BY_NAME(log1p)
BY_NAME(sin)
BY_NAME(cos)
BY_NAME(erf)
BY_NAME(atan)
BY_NAME(sinh)
BY_NAME(cosh)
INLINE V sigmoid_(V x) { return 1 / (1 + exp_(-x)); }
INLINE V pow_(V x, REAL y) {
  using namespace std;
  return pow(x, y);
}
