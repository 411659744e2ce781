// All of the library.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/cpu.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/base/manual_clock.hpp"
#include "millpool/channel/bounded_queue.hpp"
#include "millpool/channel/task_channel.hpp"
#include "millpool/policy/sizing.hpp"
#include "millpool/pool/join.hpp"
#include "millpool/pool/processor.hpp"
#include "millpool/pool/worker_local.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "millpool/result/future.hpp"
#include "millpool/result/result_channel.hpp"
#include "millpool/result/task_group.hpp"
#include "millpool/sync/thread_host.hpp"
