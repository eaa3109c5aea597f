// Steps of matrix sensing on packed symmetric measurements, many in one call. With W = U^T and rows a_b = svec(S_b):
//   x = svec(U U^T), where (U U^T)_ij is the product of columns i and j of W;
//   c_b = rate (a_b . x - target_b) and sum = sum_b c_b a_b;
//   W <- W + W smat(sum).
// A row of the batch is read from memory once: in one pass it is multiplied by x and the rows before it, still in a
// core's own cache, are added to the sum. The work is cut into PARTS, whatever the number of threads, which therefore
// changes no bit.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

constexpr int PARTS = 2;
constexpr int ROWS = 4;     // of a tile, and of measurements that are taken together
constexpr int COLUMNS = 4;  // vectors of a tile, at most
constexpr int SPINS = 60000;  // tens of microseconds
const REAL ROOT = std::sqrt(REAL(2)), INVERSE_ROOT = std::sqrt(REAL(0.5));

// Threads that take the steps of a run together. They spin while they wait for each other, but not for long: a thread that
// sleeps is woken on a processor that is free, where two that shared one would go on sharing it.
class Team {
 public:
  explicit Team(int size) : size(size) {}
  const int size;

  void wait() {
    if (size == 1) return;
    const int now = round.load(std::memory_order_relaxed);
    if (arrived.fetch_add(1, std::memory_order_acq_rel) == size - 1) {
      arrived.store(0, std::memory_order_relaxed);
      std::lock_guard<std::mutex> lock(mutex);
      round.store(now + 1, std::memory_order_release);
      changed.notify_all();
      return;
    }
    const auto is_over = [&] { return round.load(std::memory_order_acquire) != now; };
    for (int spins = 0; spins < SPINS; spins++)
      if (is_over()) return;
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, is_over);
  }

 private:
  std::atomic<int> arrived{0}, round{0};
  std::mutex mutex;
  std::condition_variable changed;
};

INLINE REAL sum_of_lanes(V x) {
  REAL lanes[LANES];
  store(lanes, x);
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int k = 0; k < half; k++) lanes[k] += lanes[k + half];
  return lanes[0];
}

// Calls strip(number of vectors, first vector) for strips of columns, as wide as a tile may be.
template <class F>
INLINE void by_strips(int first, int last, F strip) {
  for (; first + COLUMNS <= last; first += COLUMNS) strip(std::integral_constant<int, COLUMNS>{}, first);
  if (last - first == 3) strip(std::integral_constant<int, 3>{}, first);
  if (last - first == 2) strip(std::integral_constant<int, 2>{}, first);
  if (last - first == 1) strip(std::integral_constant<int, 1>{}, first);
}

// tile += left right, over inner columns of left and rows of right.
template <int WIDTH>
INLINE void add_product(V (&tile)[ROWS][WIDTH], const REAL* left, int row_step, int inner_step, const V* right,
                        int right_step, int inner) {
  for (int k = 0; k < inner; k++, left += inner_step, right += right_step) {
    V vectors[WIDTH];
    for (int column = 0; column < WIDTH; column++) vectors[column] = right[column];
    for (int row = 0; row < ROWS; row++)
      for (int column = 0; column < WIDTH; column++) tile[row][column] += left[row * row_step] * vectors[column];
  }
}

// One run on its way. It has two W's, of which each step makes one from the other, filled up with zeros to whole vectors
// and tiles.
class Run {
 public:
  Run(int dimension, const REAL* factor)
      : d(dimension), columns((d + LANES - 1) / LANES), width(int64_t(d) * (d + 1) / 2), x(width) {
    for (auto& w : factors) w.resize((d + ROWS) * columns);
    for (auto& sum : sums) sum.resize(width);
    for (auto& slope : slopes) slope.resize(d * columns);
    REAL* const w = numbers(factors[0]);
    for (int i = 0; i < d; i++)
      for (int j = 0; j < d; j++) w[j * columns * LANES + i] = factor[i * d + j];
  }

  void store_factor(int time, REAL* factor) {
    const REAL* const w = numbers(factors[time % 2]);
    for (int i = 0; i < d; i++)
      for (int j = 0; j < d; j++) factor[i * d + j] = w[j * columns * LANES + i];
  }

  // x, every PARTS-th of its tiles.
  void pack_square(int part, int time) {
    const V* const w = factors[time % 2].data();
    const REAL* const left = numbers(factors[time % 2]);
    by_strips(0, columns, [&](auto size, int first) {
      constexpr int WIDTH = decltype(size)::value;
      const int end = std::min((first + WIDTH) * LANES, d);
      for (int i = part * ROWS; i < end; i += PARTS * ROWS) {
        V tile[ROWS][WIDTH] = {};
        add_product(tile, left + i, 1, columns * LANES, w + first, columns, d);
        for (int row = i; row < std::min(i + ROWS, end); row++) {
          const REAL* const from = (const REAL*)tile[row - i] - first * LANES;
          REAL* const to = x.data() + start(row) - row;
          for (int j = std::max(row, first * LANES); j < end; j++) to[j] = from[j] * ROOT;
          if (row >= first * LANES) to[row] = from[row];
        }
      }
    });
  }

  // One of the PARTS of the sum, over its share of the batch.
  void add_rows(int part, const REAL* measurements, const int64_t* drawn, const REAL* targets, int batch, REAL rate) {
    const int first = int64_t(batch) * part / PARTS, last = int64_t(batch) * (part + 1) / PARTS;
    std::fill(sums[part].begin(), sums[part].end(), REAL(0));
    const REAL *added[ROWS], *read[ROWS];
    REAL weights[ROWS], products[ROWS];
    for (int b = first; b < last; b += ROWS) {
      for (int k = 0; k < ROWS; k++) {
        const int at = std::min(b + k, last - 1);  // the last rows again, of weight 0, where they do not come out even
        read[k] = measurements + (drawn ? drawn[at] : at) * width;
      }
      b == first ? pass<false, true>(part, added, weights, read, products)
                 : pass<true, true>(part, added, weights, read, products);
      for (int k = 0; k < ROWS; k++) {
        added[k] = read[k];
        weights[k] = b + k < last ? rate * (products[k] - targets[b + k]) : 0;
      }
    }
    if (first < last) pass<true, false>(part, added, weights, read, products);
  }

  // The next W, a share of its columns.
  void move(int part, int time) {
    const int first = columns * part / PARTS, last = columns * (part + 1) / PARTS;
    unpack(numbers(slopes[part]), first * LANES, last * LANES);
    const V* const w = factors[time % 2].data();
    V* const moved = factors[(time + 1) % 2].data();
    const REAL* const left = numbers(factors[time % 2]);
    by_strips(first, last, [&](auto size, int at) {
      constexpr int WIDTH = decltype(size)::value;
      for (int i = 0; i < d; i += ROWS) {
        V tile[ROWS][WIDTH];
        for (int row = 0; row < ROWS; row++)
          for (int k = 0; k < WIDTH; k++) tile[row][k] = w[(i + row) * columns + at + k];
        const V* const slope = slopes[part].data() + at - first;
        add_product(tile, left + i * columns * LANES, columns * LANES, 1, slope, last - first, d);
        for (int row = 0; row < ROWS; row++)
          for (int k = 0; k < WIDTH; k++) moved[(i + row) * columns + at + k] = tile[row][k];
      }
    });
  }

 private:
  const int d, columns;
  const int64_t width;
  std::vector<V> factors[2], slopes[PARTS];
  std::vector<REAL> x, sums[PARTS];

  static REAL* numbers(std::vector<V>& vectors) { return (REAL*)vectors.data(); }

  // Where row i of the upper triangle starts.
  int64_t start(int i) const { return int64_t(i) * d - int64_t(i) * (i - 1) / 2; }

  // Adds some rows to the sum and multiplies others by x, ROWS of each.
  template <bool ADDS, bool MULTIPLIES>
  void pass(int part, const REAL* const* added, const REAL* weights, const REAL* const* read, REAL* products) {
    V totals[ROWS] = {};
    REAL rests[ROWS] = {};
    REAL* const sum = sums[part].data();
    const REAL* const point = x.data();
    const int64_t end = width;
    int64_t at = 0;
    for (; at + LANES <= end; at += LANES) {
      if constexpr (ADDS) {
        V here = load(sum + at);
        for (int k = 0; k < ROWS; k++) here += weights[k] * load(added[k] + at);
        store(sum + at, here);
      }
      if constexpr (MULTIPLIES) {
        const V here = load(point + at);
        for (int k = 0; k < ROWS; k++) totals[k] += here * load(read[k] + at);
      }
    }
    for (; at < end; at++)
      for (int k = 0; k < ROWS; k++) {
        if constexpr (ADDS) sum[at] += weights[k] * added[k][at];
        if constexpr (MULTIPLIES) rests[k] += point[at] * read[k][at];
      }
    for (int k = 0; k < ROWS; k++) products[k] = rests[k] + sum_of_lanes(totals[k]);
  }

  // Some columns of smat(sum): what lies above the diagonal, from rows of the packed triangle; the rest mirrors it.
  void unpack(REAL* slope, int first, int last) {
    const int stride = last - first, end = std::min(last, d);
    const auto entry = [&](int i, int j) {
      REAL total = 0;
      for (int part = 0; part < PARTS; part++) total += sums[part][start(i) + j - i];
      return total;
    };
    for (int i = 0; i < end; i++)
      for (int j = std::max(i + 1, first); j < end; j++) slope[i * stride + j - first] = entry(i, j) * INVERSE_ROOT;
    for (int j = first; j < end; j++) {
      slope[j * stride + j - first] = entry(j, j);
      for (int i = j + 1; i < d; i++) slope[i * stride + j - first] = entry(j, i) * INVERSE_ROOT;
    }
  }
};

// Calls work(k) for each k below the count, each in a thread of its own, the first in this one.
template <class F>
void in_threads(int count, F work) {
  std::vector<std::thread> others;
  for (int k = 1; k < count; k++) others.emplace_back(work, k);
  work(0);
  for (auto& other : others) other.join();
}

// Moves factors [runs, d, d]. Targets and drawn are [steps, runs, batch]; drawn counts the measurements of all runs, or
// is null: all that a run has. A single run is shared by up to PARTS threads; of several, each thread takes some.
extern "C" void steps(REAL* factors, const REAL* measurements, const REAL* targets, const int64_t* drawn, double rate,
                      int64_t num_steps, int64_t num_runs, int64_t batch, int64_t d, int64_t num_threads) {
  const auto take = [&](int64_t r, Run& run, int member, Team& team) {
    const REAL* const rows = drawn ? measurements : measurements + r * batch * (d * (d + 1) / 2);
    const auto in_parts = [&](auto work) {
      for (int part = member; part < PARTS; part += team.size) work(part);
      team.wait();
    };
    for (int64_t time = 0; time < num_steps; time++) {
      const int64_t at = (time * num_runs + r) * batch;
      in_parts([&](int part) { run.pack_square(part, time); });
      in_parts([&](int part) { run.add_rows(part, rows, drawn ? drawn + at : nullptr, targets + at, batch, rate); });
      in_parts([&](int part) { run.move(part, time); });
    }
  };
  if (num_runs == 1) {
    Team team(std::min<int64_t>(num_threads, PARTS));
    Run run(d, factors);
    in_threads(team.size, [&](int member) { take(0, run, member, team); });
    run.store_factor(num_steps, factors);
  } else {
    in_threads(std::min(num_threads, num_runs), [&](int first) {
      Team alone(1);
      for (int64_t r = first; r < num_runs; r += num_threads) {
        Run run(d, factors + r * d * d);
        take(r, run, 0, alone);
        run.store_factor(num_steps, factors + r * d * d);
      }
    });
  }
}
