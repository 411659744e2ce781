// Two calls at once: a sort that leaves half of each part to whoever is idle.
#include "millpool/millpool.hpp"

#include <algorithm>
#include <iostream>
#include <span>
#include <vector>

void sort(millpool::worker_pool& pool, std::span<int> values) {
  if (values.size() <= 1000) {
    std::ranges::sort(values);
    return;
  }
  const int pivot = values[values.size() / 2];
  const auto above = std::ranges::partition(values, [&](int value) { return value < pivot; });
  const std::size_t below = values.size() - above.size();
  // `pivot` itself is the least of the upper part: put first, it need not be sorted again.
  std::ranges::iter_swap(std::ranges::find(above, pivot), above.begin());
  millpool::join(
      pool, [&] { sort(pool, values.first(below)); },
      [&] { sort(pool, values.subspan(below + 1)); });
}

int main() {
  millpool::worker_pool pool{{.name = "sort"}};
  std::vector<int> values(100'000);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<int>(i * 7919 % values.size());  // each number once, in disorder
  }
  sort(pool, values);  // not a task of the pool yet: the first join() makes it one
  std::cout << values.size() << " values from " << values.front() << " to " << values.back()
            << (std::ranges::is_sorted(values) ? ", in order\n" : ", in disorder\n");
}
