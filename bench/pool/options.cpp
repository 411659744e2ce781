#include "bench/pool/options.hpp"

#include "bench/pool/catalogue.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <sstream>
#include <stdexcept>

namespace bench {

namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream in{list};
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

/// H and J stand for all cases that begin so and go on with a digit; C is not C1, nor W a case.
void add_cases(const std::string& name, std::vector<std::string>& wanted) {
  const std::size_t before = wanted.size();
  for (const case_info& each : all_cases()) {
    if (each.id == name || ((name == "H" || name == "J") && each.id.starts_with(name))) {
      wanted.emplace_back(each.id);
    }
  }
  if (wanted.size() == before) throw std::invalid_argument{"--case: no case is called " + name};
}

unsigned parse_rounds(const std::string& text) {
  unsigned rounds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rounds);
  if (error != std::errc{} || end != text.data() + text.size() || rounds == 0) {
    throw std::invalid_argument{"--rounds: not a number of at least 1: " + text};
  }
  return rounds;
}

}  // namespace

options parse_options(const std::vector<std::string>& arguments) {
  options found;
  for (auto next = arguments.begin(); next != arguments.end(); ++next) {
    const std::string& flag = *next;
    const auto value = [&]() -> const std::string& {
      if (++next == arguments.end()) throw std::invalid_argument{flag + " needs a value"};
      return *next;
    };
    if (flag == "--case") {
      for (const std::string& name : split(value())) add_cases(name, found.cases);
    } else if (flag == "--subject") {
      found.subjects = split(value());
    } else if (flag == "--rounds") {
      found.rounds = parse_rounds(value());
    } else if (flag == "--plot") {
      found.plot = value();
    } else if (flag == "--table") {
      found.table = value();
    } else if (flag == "--quick") {
      found.quick = true;
    } else if (flag == "--json") {
      found.json = true;
    } else if (flag == "--save") {
      found.save = true;
    } else if (flag == "--help" || flag == "-h") {
      found.help = true;
    } else {
      throw std::invalid_argument{"what is " + flag + "?"};
    }
  }
  for (const std::string& name : found.subjects) {
    if (find_subject(name) == nullptr) {
      throw std::invalid_argument{"--subject: none is called " + name};
    }
  }
  if (found.cases.empty()) {
    for (const case_info& each : all_cases()) found.cases.emplace_back(each.id);
  }
  if (found.rounds == 0) found.rounds = found.quick ? 3 : 5;
  return found;
}

}  // namespace bench
