// A step of matrix sensing on packed symmetric measurements, in four kernels. With W = U^T, rows a_b = svec(S_b) of M
// numbers and the runs on the grid's second axis:
//   products = svec(U U^T), where (U U^T)_ij is the product of columns i and j of W;
//   residuals_b = a_b . products - target_b;
//   slope = smat(sum_b residuals_b a_b), a whole symmetric matrix;
//   next = W + rate W slope.
// Neighbouring threads read neighbouring numbers everywhere. Sums have a fixed order, so that a run repeats to the last bit.
#ifdef __CUDACC_RTC__  // compiled while a program runs, without any header
typedef long long int64_t;
#endif

extern "C" __global__ void products(const REAL* factors, const int64_t* rows, const int64_t* columns, const REAL* weights,
                                    REAL* products, int dimension, int num_entries) {
  const int entry = blockIdx.x * blockDim.x + threadIdx.x, run = blockIdx.y;
  if (entry >= num_entries) return;
  const REAL* const own = factors + int64_t(run) * dimension * dimension;
  const int64_t row = rows[entry], column = columns[entry];
  REAL sum = 0;
#pragma unroll 8
  for (int k = 0; k < dimension; k++) sum += own[k * dimension + row] * own[k * dimension + column];
  products[int64_t(run) * num_entries + entry] = sum * weights[entry];
}

// A block for each measurement.
extern "C" __global__ void residuals(const REAL* measurements, const int64_t* drawn, const REAL* products,
                                     const REAL* targets, REAL* residuals, int num_entries, int batch) {
  __shared__ REAL sums[THREADS];
  const int64_t place = int64_t(blockIdx.y) * batch + blockIdx.x;
  const REAL* const measurement = measurements + drawn[place] * num_entries;
  const REAL* const own = products + int64_t(blockIdx.y) * num_entries;
  REAL sum = 0;
#pragma unroll 8
  for (int entry = threadIdx.x; entry < num_entries; entry += THREADS) sum += measurement[entry] * own[entry];
  sums[threadIdx.x] = sum;
  for (int half = THREADS / 2; half; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  if (threadIdx.x == 0) residuals[place] = sums[0] - targets[place];
}

// A block for as many entries as a warp has threads, the measurements shared out to its warps.
extern "C" __global__ void slope(const REAL* measurements, const int64_t* drawn, const REAL* residuals,
                                 const int64_t* rows, const int64_t* columns, const REAL* weights, REAL* slope,
                                 int dimension, int num_entries, int batch) {
  __shared__ REAL sums[THREADS];
  const int place = threadIdx.x % WARP, entry = blockIdx.x * WARP + place;
  const int64_t first = int64_t(blockIdx.y) * batch;
  REAL sum = 0;
  if (entry < num_entries)
#pragma unroll 8
    for (int64_t at = first + threadIdx.x / WARP; at < first + batch; at += THREADS / WARP)
      sum += residuals[at] * measurements[drawn[at] * num_entries + entry];
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x >= WARP || entry >= num_entries) return;
  for (int other = place + WARP; other < THREADS; other += WARP) sum += sums[other];
  REAL* const own = slope + int64_t(blockIdx.y) * dimension * dimension;
  const int64_t row = rows[entry], column = columns[entry];
  own[row * dimension + column] = own[column * dimension + row] = sum / weights[entry];
}

extern "C" __global__ void moved(const REAL* factors, const REAL* slope, const REAL* rate, REAL* next, int dimension) {
  const int size = dimension * dimension, at = blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= size) return;
  const int row = at / dimension, column = at % dimension;
  const REAL* const own = factors + int64_t(blockIdx.y) * size;
  const REAL* const slopes = slope + int64_t(blockIdx.y) * size;
  REAL sum = 0;
#pragma unroll 8
  for (int k = 0; k < dimension; k++) sum += own[row * dimension + k] * slopes[k * dimension + column];
  next[int64_t(blockIdx.y) * size + at] = own[at] + *rate * sum;
}
