#include <gtest/gtest.h>

#include <vector>

#include "base/metrics.h"
#include "base/queue.h"
#include "base/thread.h"

namespace cd {
namespace {

TEST(QueueTest, EveryValueArrivesOnceWhateverTheNumberOfThreads) {
  BoundedQueue<int> queue(4);
  constexpr int kEach = 2000;
  std::vector<std::vector<int>> seen(3);
  {
    std::vector<Thread> readers;
    for (auto& mine : seen)
      readers.emplace_back("reader", [&queue, &mine](std::stop_token) {
        while (auto value = queue.pop()) mine.push_back(*value);
      });
    {
      std::vector<Thread> writers;
      for (int w = 0; w < 3; ++w)
        writers.emplace_back("writer", [&queue, w](std::stop_token) {
          for (int i = 0; i < kEach; ++i) queue.push(w * kEach + i);
        });
    }
    queue.close();
  }
  std::vector<int> count(3 * kEach);
  for (const auto& mine : seen)
    for (const int value : mine) ++count[static_cast<std::size_t>(value)];
  for (const int n : count) EXPECT_EQ(n, 1);
}

TEST(QueueTest, AFullQueueRefusesAndAClosedOneEnds) {
  BoundedQueue<int> queue(1);
  EXPECT_TRUE(queue.try_push(1));
  EXPECT_FALSE(queue.try_push(2));
  queue.close();
  EXPECT_FALSE(queue.push(3));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(ThreadTest, ItsDestructorAsksItToStopAndWaits) {
  bool ended = false;
  {
    Mutex mutex;
    CondVar wake;
    Thread thread("waiter", [&](std::stop_token stop) {
      std::stop_callback on_stop(stop, [&] {
        MutexLock lock(mutex);
        wake.notify_all();
      });
      MutexLock lock(mutex);
      while (!stop.stop_requested()) wake.wait(mutex);
      ended = true;
    });
    thread.request_stop();
    thread.join();
  }
  EXPECT_TRUE(ended);
}

TEST(MetricsTest, TextIsWhatPrometheusReads) {
  MetricRegistry registry;
  registry.counter("cratedrive_store_requests_total", "Requests made.", "verb=\"get\"").add(3);
  registry.counter("cratedrive_store_requests_total", "Requests made.", "verb=\"put\"").add(4);
  registry.gauge("cratedrive_open_handles", "Open files.").set(-2);
  EXPECT_EQ(registry.prometheus_text(),
            "# HELP cratedrive_open_handles Open files.\n# TYPE cratedrive_open_handles gauge\n"
            "cratedrive_open_handles -2\n"
            "# HELP cratedrive_store_requests_total Requests made.\n"
            "# TYPE cratedrive_store_requests_total counter\n"
            "cratedrive_store_requests_total{verb=\"get\"} 3\n"
            "cratedrive_store_requests_total{verb=\"put\"} 4\n");
  EXPECT_EQ(registry.counter_sum("cratedrive_store_requests_total"), 7U);
}

}  // namespace
}  // namespace cd
