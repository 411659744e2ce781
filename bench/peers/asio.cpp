// Boost.Asio's thread_pool: unbounded, no results of its own, so packaged_task gives them.
#include "bench/pool/subject_main.hpp"

#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/version.hpp>

#include <cstddef>
#include <future>
#include <string>
#include <utility>

namespace {

class asio_pool {
 public:
  asio_pool(unsigned workers, std::size_t /*capacity*/) : pool_{workers} {}

  template <class F>
  void post(F f) {
    boost::asio::post(pool_, std::move(f));
  }
  template <class F>
  void spawn(F f) {
    boost::asio::defer(pool_,
                       std::move(f));  // "may be more efficient" from inside, says its manual
  }
  template <class F>
  auto submit(F f) {
    std::packaged_task<decltype(f())()> packaged{std::move(f)};
    auto future = packaged.get_future();
    boost::asio::post(pool_, std::move(packaged));
    return future;
  }

 private:
  boost::asio::thread_pool pool_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string version = BOOST_LIB_VERSION;
  return bench::subject_main<asio_pool>(argc, argv, "Boost.Asio thread_pool " + version);
}
