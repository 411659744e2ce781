#include "bench/pool/run_subject.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace bench {

namespace {

constexpr int no_equivalent = 3;  // these two as in subject_main.hpp
constexpr int cannot_run = 4;
constexpr std::chrono::seconds patience{120};

std::string path_of(const subject_info& subject) {
  return std::string{MILLPOOL_SUBJECTS} + "/" + std::string{subject.program};
}

[[noreturn]] void fail(const char* what) {
  throw std::system_error{errno, std::generic_category(), what};
}

[[noreturn]] void become(const std::vector<std::string>& command, int output) {
  std::vector<char*> argv;
  for (const std::string& each : command) argv.push_back(const_cast<char*>(each.c_str()));
  argv.push_back(nullptr);
  ::dup2(output, STDOUT_FILENO);
  ::execv(argv.front(), argv.data());
  ::_exit(127);
}

struct finished {
  int status = 0;  // as a shell tells it
  std::string output{};
};

/// What the child prints, until it closes its end. A child that hangs is killed.
std::string read_all(int from, pid_t child) {
  std::string all;
  const auto until = steady::now() + patience;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady::now()).count();
    pollfd ready{.fd = from, .events = POLLIN, .revents = 0};
    const int found = ::poll(&ready, 1, left > 0 ? static_cast<int>(left) : 0);
    if (found < 0 && errno == EINTR) continue;
    if (found == 0) {
      ::kill(child, SIGKILL);
      return all;
    }
    std::array<char, 4096> chunk{};
    const ssize_t size = ::read(from, chunk.data(), chunk.size());
    if (size <= 0) return all;
    all.append(chunk.data(), static_cast<std::size_t>(size));
  }
}

finished run(const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) fail("pipe");
  const pid_t child = ::fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    ::close(ends[0]);
    become(command, ends[1]);
  }
  ::close(ends[1]);
  finished ended;
  ended.output = read_all(ends[0], child);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail("waitpid");
  }
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

std::vector<std::string> command_of(const subject_info& subject) {
  std::vector<std::string> command{path_of(subject)};
  if (!subject.argument.empty()) command.emplace_back(subject.argument);
  return command;
}

figures parse(const std::string& output) {
  figures found;
  std::istringstream in{output};
  for (std::string line; std::getline(in, line);) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    double value = 0;
    std::from_chars(line.data() + equals + 1, line.data() + line.size(), value);
    found[line.substr(0, equals)] = value;  // Go prints a figure again where it knows it better
  }
  return found;
}

}  // namespace

bool is_built(const subject_info& subject) { return ::access(path_of(subject).c_str(), X_OK) == 0; }

std::string about(const subject_info& subject) {
  auto command = command_of(subject);
  command.emplace_back("about");
  std::string text = run(command).output;
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::optional<figures> run_subject(const subject_info& subject, const std::string& case_id,
                                   std::uint64_t tasks) {
  auto command = command_of(subject);
  command.push_back(case_id);
  command.push_back(std::to_string(tasks));
  const finished ended = run(command);
  const bool own = subject.name == own_name;
  if (!own && (ended.status == no_equivalent || ended.status == cannot_run)) return std::nullopt;
  if (ended.status != 0) {
    throw std::runtime_error{std::string{subject.name} + ", case " + case_id + ", " +
                             std::to_string(tasks) + " tasks: exit status " +
                             std::to_string(ended.status)};
  }
  return parse(ended.output);
}

}  // namespace bench
