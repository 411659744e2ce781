// What bench cold starts: a service with a pool, and an admin server. It answers each line on a
// port of its own, by a task. Tells its parent, on descriptor 3, when its first task is done and
// which its ports are.
#include "millpool/admin_server.hpp"
#include "millpool/millpool.hpp"

#include <arpa/inet.h>
#include <cstdio>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr int to_parent = 3;

int listener(unsigned short& port) {
  const int listens = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(listens, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listens, 64) != 0) {
    std::perror("service");
    std::_Exit(1);
  }
  ::getsockname(listens, reinterpret_cast<sockaddr*>(&at), &size);
  port = ntohs(at.sin_port);
  return listens;
}

}  // namespace

int main() {
  using namespace millpool;
  // No worker until there is work: the first task starts the first of them.
  worker_pool pool{{.name = "orders", .min_workers = 0, .max_workers = 4}};
  pool.submit([] {}).get();
  const char done = '1';
  if (::write(to_parent, &done, 1) != 1) return 1;

  const admin_server admin{{.port = 0}};
  unsigned short ports[2] = {admin.port(), 0};
  const int listens = listener(ports[1]);
  if (::write(to_parent, ports, sizeof ports) != sizeof ports) return 1;
  for (;;) {
    const int client = ::accept4(listens, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return 1;
    pool.post([client] {
      char line[64];
      const ssize_t size = ::read(client, line, sizeof line);
      if (size > 0 && ::write(client, line, static_cast<std::size_t>(size)) < 0)
        std::perror("service");
      ::close(client);
    });
  }
}
