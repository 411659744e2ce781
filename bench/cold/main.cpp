// ./dev bench cold: from no process to the first task, to a /readyz of 200, and to an answer.
#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

double ms_since(steady_clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - begun).count();
}

void read_all(int from, void* into, std::size_t size) {
  auto* at = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t got = ::read(from, at, size);
    if (got <= 0) fail("the service ended");
    at += got;
    size -= static_cast<std::size_t>(got);
  }
}

// What comes back for `text`, until the other side closes.
std::string ask(unsigned short port, std::string_view text) {
  const int to = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(to, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) fail("connect");
  if (::send(to, text.data(), text.size(), 0) < 0) fail("send");
  std::string out;
  char block[512];
  for (ssize_t got = 0; (got = ::recv(to, block, sizeof block, 0)) > 0;) {
    out.append(block, static_cast<std::size_t>(got));
  }
  ::close(to);
  return out;
}

struct times {
  std::vector<double> task;
  std::vector<double> ready;
  std::vector<double> served;
};

pid_t start(const char* program, int& from) {
  int ends[2];
  if (::pipe(ends) != 0) fail("pipe");
  const pid_t child = ::vfork();
  if (child == 0) {
    ::dup2(ends[1], 3);
    ::execl(program, program, nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  from = ends[0];
  return child;
}

void end(pid_t child, int from) {
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(from);
}

// What a process costs by itself.
double start_empty(const char* program) {
  int from = -1;
  const auto begun = steady_clock::now();
  const pid_t child = start(program, from);
  char byte = 0;
  read_all(from, &byte, 1);
  const double took = ms_since(begun);
  end(child, from);
  return took;
}

void start_service(const char* program, times& into) {
  int from = -1;
  const auto begun = steady_clock::now();
  const pid_t child = start(program, from);
  char byte = 0;
  read_all(from, &byte, 1);
  into.task.push_back(ms_since(begun));
  unsigned short ports[2];
  read_all(from, ports, sizeof ports);
  const std::string ready =
      ask(ports[0], "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  into.ready.push_back(ms_since(begun));
  if (!ready.starts_with("HTTP/1.1 200 ")) fail("it is not ready");
  const std::string answer = ask(ports[1], "an order\n");
  into.served.push_back(ms_since(begun));
  if (answer != "an order\n") fail("no answer");
  end(child, from);
}

void print(const char* what, const char* asked, std::vector<double> of) {
  std::ranges::sort(of);
  std::printf("  %-42s %8.2f %8.2f %8.2f   %s\n", what, of[of.size() / 2], of[of.size() * 95 / 100],
              of.back(), asked);
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder{argv[0]};
  folder.erase(folder.rfind('/') + 1);
  // The second of each has the C++ runtime in itself.
  const std::string empty[] = {folder + "millpool_cold_empty",
                               folder + "millpool_cold_empty_static"};
  const std::string service[] = {folder + "millpool_cold_service",
                                 folder + "millpool_cold_service_static"};
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 200;
  if (rounds < 1) {
    std::fprintf(stderr, "usage: millpool_cold_bench [ROUNDS]\n");
    return 2;
  }
  std::vector<double> started[2];
  times of[2];
  for (int i = -1; i < rounds; ++i) {
    for (int kind = 0; kind < 2; ++kind) {
      const double took = start_empty(empty[kind].c_str());
      start_service(service[kind].c_str(), of[kind]);
      if (i >= 0) started[kind].push_back(took);
    }
    if (i < 0) of[0] = of[1] = {};  // they are in the page cache now
  }
  std::printf("%d starts, in ms, interleaved                   median     95 %%    worst   asked\n",
              rounds);
  for (int kind = 0; kind < 2; ++kind) {
    std::printf("%s\n", kind == 0 ? "linked as usual" : "with -static-libstdc++ -static-libgcc");
    print("a program that does nothing", "", started[kind]);
    print("a service: its first task is done", "<= 5", of[kind].task);
    print("/readyz says 200", "<= 20", of[kind].ready);
    print("a request is answered", "<= 100", of[kind].served);
  }
}
