// measure <standard input> [+<file of arguments>] <command...>
// Runs a command and prints "seconds cpu_seconds peak_rss_kib exit_status" of it and what it waited
// for. It starts the command itself, so that no shell's time or memory is counted.
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

[[noreturn]] void become(const char* input, std::vector<char*>& argv) {
  ::dup2(::open(input, O_RDONLY), STDIN_FILENO);
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  ::execvp(argv.front(), argv.data());
  ::_exit(127);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const char* const input = argv[1];
  std::vector<std::string> more;
  int first = 2;
  if (argv[2][0] == '+') {
    std::ifstream file{argv[2] + 1};
    for (std::string line; std::getline(file, line);) more.push_back(line);
    ++first;
  }
  std::vector<char*> command(argv + first, argv + argc);
  for (std::string& each : more) command.push_back(each.data());
  command.push_back(nullptr);

  const auto begun = std::chrono::steady_clock::now();
  const pid_t pid = ::fork();
  if (pid < 0) return 2;
  if (pid == 0) become(input, command);
  int status = 0;
  rusage used{};
  if (::wait4(pid, &status, 0, &used) != pid) return 2;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::printf("%.4f %.4f %ld %d\n", took.count(), seconds(used.ru_utime) + seconds(used.ru_stime),
              used.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}
