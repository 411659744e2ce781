// Tests · pods: what a broker and its workers say to each other. Next stop: worker.cpp.
#pragma once

#include "apps/support/unique_fd.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/pool/ledger.hpp"

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <variant>

namespace millpool::pods {

/// What is to be done: compute for a while, then wait for a while, as for an answer.
struct work {
  std::uint64_t number = 0;
  unsigned attempt = 1;  ///< 2 where it was given back once, and so on
  std::chrono::microseconds computes{};
  std::chrono::microseconds waits{};
  bool until_stopped = false;  ///< its first attempt waits until it is told to stop
};
/// What has to come out of it.
[[nodiscard]] std::uint64_t checksum_of(const work& task) noexcept;

// ---- from a worker

/// The first message: who it is, where its /readyz is, and how many tasks it may have at once.
struct hello {
  unsigned pod;
  std::uint16_t port;
  unsigned room;
};
struct done {
  std::uint64_t number;
  std::uint64_t checksum;
};
/// It was not done here, and will not be.
struct given_back {
  std::uint64_t number;
};
/// No more tasks, please: /readyz says 503 already. What comes even so is given back.
struct stopping {};
/// The last message: what became of all tasks that its pool accepted.
struct farewell {
  ledger tasks;
  duration grown_in;  ///< from the pool's first decision to its last thread; 0: it never had all
};

// ---- from the broker

/// After `stopping`: nothing comes after this.
struct agreed {};
/// A worker waits for it so long; the broker asks for its /readyz meanwhile.
constexpr std::chrono::seconds agreement_limit{15};

using message = std::variant<hello, work, done, given_back, stopping, agreed, farewell>;

/// Why there is no message.
enum class no_message : std::uint8_t {
  yet,   ///< and one may come
  ever,  ///< the other end is gone, and all that it sent was received
};

/// A Unix socket that keeps messages apart (SOCK_SEQPACKET): each is sent and received as a whole,
/// whichever thread sends it. \throws std::system_error.
[[nodiscard]] app::unique_fd listen_at(const std::string& path);
[[nodiscard]] app::unique_fd connect_to(const std::string& path);
/// \return none if nobody is at the door.
[[nodiscard]] app::unique_fd accept_at(int listener);

/// \return whether there is still somebody to receive it. Waits for room.
bool send(int fd, const message& what) noexcept;
/// Never waits.
[[nodiscard]] std::expected<message, no_message> receive(int fd);

}  // namespace millpool::pods
