// The worker pool of the Go articles: typed tasks in, results out, and the results always consumed.
#include "millpool/millpool.hpp"

#include <iostream>
#include <map>
#include <string>
#include <thread>

int main() {
  millpool::processor<std::string, std::size_t> lengths{
      [](std::string word) {
        if (word.empty()) throw std::invalid_argument{"no word"};
        return word.size();
      },
      {.pool = {.name = "words"}, .result_capacity = 2}};

  std::jthread producer{[&] {
    for (const char* word : {"mill", "pool", "water", "", "wheel"}) {
      if (!lengths.push(word)) break;  // closed: nobody wants more
    }
    lengths.close();
  }};

  std::map<std::size_t, int> count;
  int bad = 0;
  for (auto& length : lengths.results()) {
    if (length) {
      ++count[length.value()];
    } else {
      ++bad;
    }
  }
  for (const auto& [length, words] : count) {
    std::cout << words << " of length " << length << '\n';
  }
  std::cout << bad << " refused\n";
}
