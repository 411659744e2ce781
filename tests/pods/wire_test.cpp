#include "tests/pods/wire.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <variant>

namespace millpool::pods {
namespace {

// Two ends of a connection, in a folder that goes with them.
class Wire : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "millpool-wire.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    const app::unique_fd listener = listen_at(folder_ + "/socket");
    worker_ = connect_to(folder_ + "/socket");
    broker_ = accept_at(listener.get());
    ASSERT_TRUE(broker_);
  }
  ~Wire() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  std::string folder_;
  app::unique_fd worker_;
  app::unique_fd broker_;
};

TEST_F(Wire, MessagesStayApartAndInOrder) {
  EXPECT_EQ(receive(broker_.get()).error(), no_message::yet);
  ASSERT_TRUE(send(worker_.get(), hello{.pod = 3, .port = 80, .room = 12}));
  ASSERT_TRUE(send(worker_.get(), stopping{}));
  const auto first = receive(broker_.get());
  ASSERT_TRUE(first && std::holds_alternative<hello>(*first));
  EXPECT_EQ(std::get<hello>(*first).pod, 3U);
  const auto second = receive(broker_.get());
  EXPECT_TRUE(second && std::holds_alternative<stopping>(*second));
  EXPECT_EQ(receive(broker_.get()).error(), no_message::yet);
}

TEST_F(Wire, WhatADeadWorkerSaidIsHeardThoughItLeftTasksUnread) {
  ASSERT_TRUE(send(broker_.get(), work{.number = 7}));
  ASSERT_TRUE(send(worker_.get(), done{.number = 6, .checksum = 1}));
  worker_.reset();
  const auto last = receive(broker_.get());
  ASSERT_TRUE(last && std::holds_alternative<done>(*last));
  EXPECT_EQ(std::get<done>(*last).number, 6U);
  EXPECT_EQ(receive(broker_.get()).error(), no_message::ever);
  EXPECT_FALSE(send(broker_.get(), agreed{}));
}

TEST_F(Wire, NobodyListens) {
  EXPECT_THROW((void)connect_to(folder_ + "/nothing"), std::system_error);
  EXPECT_THROW((void)listen_at(std::string(200, 'x')), std::invalid_argument);
}

}  // namespace
}  // namespace millpool::pods
