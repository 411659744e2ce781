#include "apps/millpool/logs/decoder.hpp"

#include "apps/support/io.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <isa-l/igzip_lib.h>
#include <poll.h>
#include <stdexcept>
#include <utility>
#include <vector>
#include <zstd.h>

namespace millpool::logs {
namespace {

constexpr std::size_t input_size = std::size_t{256} * 1024;

// What was read and not yet used.
class input_window {
 public:
  input_window(std::string begin, byte_source rest)
      : bytes_(std::max(begin.size(), input_size)), end_{begin.size()}, rest_{std::move(rest)} {
    std::copy(begin.begin(), begin.end(), bytes_.begin());
  }

  [[nodiscard]] std::span<char> left() noexcept {
    return std::span{bytes_}.subspan(at_, end_ - at_);
  }
  void use(std::size_t count) noexcept { at_ += count; }
  // REQUIRES: nothing is left. \return whether there was more.
  [[nodiscard]] std::expected<bool, std::string> refill() {
    before_ += end_;
    at_ = end_ = 0;
    const auto got = rest_.read(bytes_);
    if (!got) return std::unexpected(got.error());
    end_ = *got;
    return end_ > 0;
  }
  [[nodiscard]] bool would_wait() const noexcept { return at_ == end_ && !rest_.has_more(); }
  [[nodiscard]] std::uint64_t consumed() const noexcept { return before_ + at_; }

 private:
  std::vector<char> bytes_;
  std::size_t at_ = 0;
  std::size_t end_;
  std::uint64_t before_ = 0;
  byte_source rest_;
};

// The frame around the decoders: a step at a time until there is enough.
class stepwise_decoder : public decoder {
 public:
  stepwise_decoder(std::string begin, byte_source rest)
      : window_{std::move(begin), std::move(rest)} {}

  [[nodiscard]] piece read(std::span<char> room) final {
    piece out;
    while (out.size < room.size()) {
      if (out.size > 0 && !holds_more_ && window_.would_wait()) break;
      if (window_.left().empty() && !holds_more_) {
        const auto more = window_.refill();
        if (!more) {
          out.problem = more.error();
          break;
        }
        if (!*more) {
          out.problem = problem_at_end();
          out.at_end = out.problem.empty();
          break;
        }
      }
      const auto to = room.subspan(out.size);
      const std::size_t written = step(to, out.problem);
      holds_more_ = written == to.size();
      out.size += written;
      if (!out.problem.empty()) break;
    }
    return out;
  }
  [[nodiscard]] std::uint64_t consumed() const noexcept final { return window_.consumed(); }

 protected:
  // Decodes some of window_, which may be empty after a step that filled its room. Sets `problem`.
  // \return the bytes written.
  [[nodiscard]] virtual std::size_t step(std::span<char> room, std::string& problem) = 0;
  // Why the input must not end here; empty if it may.
  [[nodiscard]] virtual std::string problem_at_end() const = 0;

  [[nodiscard]] std::string at_byte() const {
    return " at byte " + std::to_string(window_.consumed());
  }
  input_window window_;

 private:
  bool holds_more_ = false;  // the room was filled: there may be output that needs no input
};

class plain_decoder final : public stepwise_decoder {
 public:
  using stepwise_decoder::stepwise_decoder;

 private:
  [[nodiscard]] std::size_t step(std::span<char> room, std::string& /*problem*/) override {
    const auto from = window_.left();
    const std::size_t count = std::min(room.size(), from.size());
    std::copy_n(from.begin(), count, room.begin());
    window_.use(count);
    return count;
  }
  [[nodiscard]] std::string problem_at_end() const override { return {}; }
};

class gzip_decoder final : public stepwise_decoder {
 public:
  gzip_decoder(std::string begin, byte_source rest)
      : stepwise_decoder{std::move(begin), std::move(rest)},
        state_{std::make_unique<inflate_state>()} {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;  // it reads the header, and checks length and CRC
  }

 private:
  [[nodiscard]] std::size_t step(std::span<char> room, std::string& problem) override {
    if (between_members_ && (window_.left().empty() || !begin_member(problem))) return 0;
    const auto from = window_.left();
    // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): bytes are bytes.
    state_->next_in = reinterpret_cast<std::uint8_t*>(from.data());
    state_->avail_in = static_cast<std::uint32_t>(from.size());
    state_->next_out = reinterpret_cast<std::uint8_t*>(room.data());
    // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
    state_->avail_out = static_cast<std::uint32_t>(room.size());
    const int status = isal_inflate(state_.get());
    window_.use(from.size() - state_->avail_in);
    if (status < 0) {
      problem = status == ISAL_INCORRECT_CHECKSUM
                    ? "damaged: the checksum of a gzip member is wrong"
                    : "damaged: no valid gzip data";
      problem += at_byte();
    }
    between_members_ = state_->block_state == ISAL_BLOCK_FINISH;
    return room.size() - state_->avail_out;
  }

  // Another member may follow, or zeros, as tapes have them.
  [[nodiscard]] bool begin_member(std::string& problem) {
    const auto from = window_.left();
    std::size_t zeros = 0;
    while (zeros < from.size() && from[zeros] == '\0') ++zeros;
    if (zeros > 0) {
      window_.use(zeros);
      return false;
    }
    if (from.front() != '\x1f') {
      problem = "what follows the gzip data is none" + at_byte();
      return false;
    }
    isal_inflate_reset(state_.get());
    state_->crc_flag = ISAL_GZIP;
    between_members_ = false;
    return true;
  }

  [[nodiscard]] std::string problem_at_end() const override {
    return between_members_ ? std::string{} : "truncated: the gzip data ends too early" + at_byte();
  }

  std::unique_ptr<inflate_state> state_;  // 80 KiB
  bool between_members_ = false;
};

class zstd_decoder final : public stepwise_decoder {
 public:
  zstd_decoder(std::string begin, byte_source rest)
      : stepwise_decoder{std::move(begin), std::move(rest)}, context_{ZSTD_createDCtx()} {
    if (!context_) throw std::bad_alloc{};
  }

 private:
  [[nodiscard]] std::size_t step(std::span<char> room, std::string& problem) override {
    const auto from = window_.left();
    ZSTD_inBuffer in{from.data(), from.size(), 0};
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    const std::size_t status = ZSTD_decompressStream(context_.get(), &out, &in);
    window_.use(in.pos);
    if (ZSTD_isError(status) != 0) {
      problem = std::string{"damaged: no valid zstd data ("} + ZSTD_getErrorName(status) + ")" +
                at_byte();
    } else {
      between_frames_ = status == 0;
    }
    return out.pos;
  }
  [[nodiscard]] std::string problem_at_end() const override {
    return between_frames_ ? std::string{} : "truncated: the zstd data ends too early" + at_byte();
  }

  struct free_context {
    void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_DCtx, free_context> context_;
  bool between_frames_ = true;
};

}  // namespace

compression compression_of(std::string_view begin) noexcept {
  if (begin.starts_with("\x1f\x8b")) return compression::gzip;
  if (begin.starts_with("\x28\xb5\x2f\xfd")) return compression::zstd;
  // A skippable frame, with which zstd data may begin.
  if (begin.size() >= 4 && begin.substr(1).starts_with("\x2a\x4d\x18") && begin[0] >= '\x50' &&
      begin[0] <= '\x5f') {
    return compression::zstd;
  }
  return compression::none;
}

std::expected<std::size_t, std::string> byte_source::read(std::span<char> room) {
  if (stop_fd_ >= 0) {
    pollfd entries[] = {{fd_.get(), POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    while (::poll(entries, std::size(entries), -1) < 0) {
    }
    if (entries[1].revents != 0) return 0U;
  }
  const auto got = app::read_some(fd_.get(), room);
  if (!got) return std::unexpected("cannot read: " + got.error().message());
  return *got;
}

bool byte_source::has_more() const noexcept {
  pollfd entry{fd_.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0;
}

std::unique_ptr<decoder> make_decoder(compression kind, std::string begin, byte_source rest) {
  switch (kind) {
    case compression::gzip:
      return std::make_unique<gzip_decoder>(std::move(begin), std::move(rest));
    case compression::zstd:
      return std::make_unique<zstd_decoder>(std::move(begin), std::move(rest));
    case compression::none:
      break;
  }
  return std::make_unique<plain_decoder>(std::move(begin), std::move(rest));
}

}  // namespace millpool::logs
