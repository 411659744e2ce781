// Support for tests: a page of metrics, read by the rules of its format.
#pragma once

#include <gtest/gtest.h>

#include <charconv>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace millpool::test {

/// The samples of a page: "name{label="value"}" to its value. What breaks a rule of the text
/// formats fails the test: a family that comes twice, a sample outside of its family, a series that
/// comes twice, a value that is no number.
class metrics_page_reader {
 public:
  explicit metrics_page_reader(const std::string& page) {
    std::istringstream in{page};
    for (std::string line; std::getline(in, line);) read(line);
    EXPECT_TRUE(page.empty() || page.back() == '\n');
  }

  [[nodiscard]] const std::map<std::string, double>& all() const noexcept { return all_; }
  [[nodiscard]] double operator[](const std::string& series) const {
    const auto found = all_.find(series);
    if (found != all_.end()) return found->second;
    ADD_FAILURE() << "there is no " << series;
    return std::numeric_limits<double>::quiet_NaN();
  }
  [[nodiscard]] bool has_family(const std::string& name) const { return families_.contains(name); }

 private:
  void read(const std::string& line) {
    if (line == "# EOF") return;
    if (line.starts_with("# HELP ")) {
      family_ = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families_.insert(family_).second) << "twice: " << line;
    } else if (line.starts_with("# ")) {
      EXPECT_EQ(line.substr(7, line.find(' ', 7) - 7), family_) << line;
    } else {
      const std::size_t space = line.rfind(' ');
      const std::string series = line.substr(0, space);
      EXPECT_TRUE(series.starts_with(family_)) << line;
      const std::string name = series.substr(0, series.find('{'));
      static const std::set<std::string> suffixes{"",        "_total", "_info",
                                                  "_bucket", "_sum",   "_count"};
      EXPECT_TRUE(suffixes.contains(name.substr(family_.size()))) << line;
      double number = 0.0;
      const char* const end = line.data() + line.size();
      const auto read = std::from_chars(line.data() + space + 1, end, number);
      EXPECT_EQ(read.ptr, end) << line;
      EXPECT_TRUE(all_.emplace(series, number).second) << "twice: " << line;
    }
  }

  std::map<std::string, double> all_;
  std::set<std::string> families_;
  std::string family_;
};

}  // namespace millpool::test
