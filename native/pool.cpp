#include "pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace squeezebert {
namespace {

// How long to look before sleeping: about what it costs to be woken.
constexpr std::chrono::microseconds kPatience{50};

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class Condition>
bool holds_soon(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  do {
    for (int look = 0; look < 32; ++look) {
      if (condition()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

struct alignas(64) Stage {
  std::atomic<int> claimed{0};
  std::atomic<int> done{0};
};

class Job {
 public:
  Job(int stages, int tiles, const Work& work) : stages_(stages), tiles_(tiles), work_(work) {}

  void take_part() {
    for (int index = 0; index < static_cast<int>(stages_.size()); ++index) {
      Stage& stage = stages_[index];
      for (int tile; (tile = stage.claimed.fetch_add(1, std::memory_order_relaxed)) < tiles_;) {
        do_tile(index, tile);
        if (stage.done.fetch_add(1, std::memory_order_acq_rel) + 1 == tiles_) {
          stage.done.notify_all();
        }
      }
      wait(stage.done);
    }
  }

  // To be called once, by the caller after `take_part`: throws what a tile threw. The exception is
  // moved out, lest a late worker frees it.
  void rethrow() {
    if (failed_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  // After a failure no work is done, but all tiles are still counted off: nobody is left waiting,
  // and nobody works any more when the caller goes on.
  void do_tile(int stage, int tile) {
    if (failed_) return;
    try {
      work_(stage, tile);
    } catch (...) {
      const std::lock_guard lock(failing_);
      if (!failed_) failure_ = std::current_exception();
      failed_ = true;
    }
  }

  void wait(std::atomic<int>& done) const {
    if (holds_soon([&] { return done.load(std::memory_order_acquire) == tiles_; })) return;
    for (int seen; (seen = done.load(std::memory_order_acquire)) < tiles_;) done.wait(seen);
  }

  std::vector<Stage> stages_;
  const int tiles_;
  // A late worker finds every tile claimed and never calls it, so the caller's object may be gone.
  const Work& work_;
  std::mutex failing_;
  std::exception_ptr failure_;
  std::atomic<bool> failed_{false};
};

class Pool {
 public:
  void run(const std::shared_ptr<Job>& job, int workers) {
    std::unique_lock busy(busy_, std::try_to_lock);
    if (busy.owns_lock()) {
      start(workers);
      {
        const std::lock_guard lock(mutex_);
        job_ = job;
        wanted_ = workers;
      }
      round_.fetch_add(1, std::memory_order_release);
      round_.notify_all();
    }
    job->take_part();
    if (busy.owns_lock()) {
      const std::lock_guard lock(mutex_);
      job_.reset();
    }
  }

 private:
  // Where the system refuses a thread, those there are do the work.
  void start(int workers) try {
    for (; started_ < workers; ++started_) {
      std::thread([this, index = started_, seen = round_.load()] { serve(index, seen); }).detach();
    }
  } catch (const std::system_error&) {
  }

  void serve(int index, unsigned seen) {
    for (;;) {
      if (!holds_soon([&] { return round_.load(std::memory_order_acquire) != seen; })) {
        round_.wait(seen, std::memory_order_acquire);
      }
      std::shared_ptr<Job> job;
      {
        const std::lock_guard lock(mutex_);
        seen = round_.load(std::memory_order_acquire);
        if (index < wanted_) job = job_;
      }
      if (job) job->take_part();
    }
  }

  std::mutex busy_;   // held by the caller whose job the workers do
  std::mutex mutex_;  // guards job_ and wanted_
  std::shared_ptr<Job> job_;
  int wanted_ = 0;
  int started_ = 0;
  std::atomic<unsigned> round_{0};
};

// The pool of this process. It is never destroyed: workers may outlive the program's statics. A
// forked child has none of its parent's threads and gets a pool of its own.
std::atomic<Pool*> current{nullptr};
[[maybe_unused]] const int kForgotten =
    pthread_atfork(nullptr, nullptr, [] { current = nullptr; });

Pool& pool() {
  Pool* found = current;
  if (found == nullptr) {
    auto fresh = std::make_unique<Pool>();
    if (current.compare_exchange_strong(found, fresh.get())) found = fresh.release();
  }
  return *found;
}

}  // namespace

void run_stages(int stages, int tiles, int threads, const Work& work) {
  const auto job = std::make_shared<Job>(stages, tiles, work);
  if (threads < 2 || tiles < 2) {
    job->take_part();
  } else {
    pool().run(job, std::min(threads, tiles) - 1);
  }
  job->rethrow();
}

}  // namespace squeezebert
