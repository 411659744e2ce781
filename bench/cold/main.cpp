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
  double started;  // an empty program of the same kind: what a process costs by itself
  double task;
  double ready;
  double served;
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

times once(const char* service, const char* empty) {
  times out{};
  int from = -1;
  {
    const auto begun = steady_clock::now();
    const pid_t child = start(empty, from);
    char byte = 0;
    read_all(from, &byte, 1);
    out.started = ms_since(begun);
    end(child, from);
  }
  const auto begun = steady_clock::now();
  const pid_t child = start(service, from);
  char byte = 0;
  read_all(from, &byte, 1);
  out.task = ms_since(begun);
  unsigned short ports[2];
  read_all(from, ports, sizeof ports);
  const std::string ready =
      ask(ports[0], "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  out.ready = ms_since(begun);
  if (!ready.starts_with("HTTP/1.1 200 ")) fail("it is not ready");
  const std::string answer = ask(ports[1], "an order\n");
  out.served = ms_since(begun);
  if (answer != "an order\n") fail("no answer");
  end(child, from);
  return out;
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
  const std::string service = folder + "millpool_cold_service";
  const std::string empty = folder + "millpool_cold_empty";
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 200;
  std::vector<double> started;
  std::vector<double> task;
  std::vector<double> ready;
  std::vector<double> served;
  (void)once(service.c_str(), empty.c_str());  // into the page cache
  for (int i = 0; i < rounds; ++i) {
    const times each = once(service.c_str(), empty.c_str());
    started.push_back(each.started);
    task.push_back(each.task);
    ready.push_back(each.ready);
    served.push_back(each.served);
  }
  std::printf(
      "%d starts, in ms                                median      95 %%    worst   asked\n",
      rounds);
  print("a C++ program that does nothing", "", started);
  print("its first task is done", "<= 5", task);
  print("/readyz says 200", "<= 20", ready);
  print("a request is answered", "<= 100", served);
}
