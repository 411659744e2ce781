// A template of any bytes is split once and filled: without placeholders the words come out as they
// went in, and what is quoted for a shell has no quote left open.
// Input: words that are separated by newlines; the last one is the argument.
#include "apps/millpool/run/command_template.hpp"
#include "apps/millpool/run/shell_quote.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using millpool::run::argv_buffer;
using millpool::run::command_template;

// Reads one word as a POSIX shell reads quotes. \return false if a quote is left open.
bool unquote(const std::string& text, std::string& out) {
  char open = 0;
  for (const char c : text) {
    if (open == 0 && (c == '\'' || c == '"')) {
      open = c;
    } else if (c == open) {
      open = 0;
    } else {
      out += c;
    }
  }
  return open == 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> words{""};
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == '\n') {
      words.emplace_back();
    } else if (data[i] != 0) {
      words.back() += static_cast<char>(data[i]);
    }
  }
  const millpool::run::job_input job{.seq = 1, .args = {words.back()}};
  words.pop_back();
  if (words.empty()) return 0;

  argv_buffer filled;
  const command_template command{words, "{}", ""};
  command.fill(filled, job, 1);
  const bool plain = std::none_of(words.begin(), words.end(),
                                  [](const std::string& word) { return word.contains('{'); });
  if (plain) {
    words.push_back(job.args.front());  // appended
    if (filled.size() != words.size()) std::abort();
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (filled[i] != words[i]) std::abort();
    }
  }
  std::string described;
  command.describe(described, filled);

  std::string word;
  if (!unquote(millpool::run::shell_quoted(job.args.front()), word)) std::abort();
  if (word != job.args.front()) std::abort();
  return 0;
}
