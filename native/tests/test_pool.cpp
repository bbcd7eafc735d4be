#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "pool.hpp"

namespace squeezebert::tests {

TEST_CASE("each tile of each stage is done once, after all of the stage before") {
  for (const int threads : {1, 2, 3, 8}) {
    for (const int tiles : {1, 2, 7, 100}) {
      constexpr int kStages = 20;
      CAPTURE(threads);
      CAPTURE(tiles);
      std::vector<std::atomic<int>> done(kStages), times(kStages * tiles);
      std::atomic<int> early{0};
      run_stages(kStages, tiles, threads, [&](int stage, int tile) {
        if (stage > 0 && done[stage - 1] != tiles) ++early;
        ++times[stage * tiles + tile];
        ++done[stage];
      });
      CHECK(early == 0);
      int wrong = 0;
      for (const auto& count : times) wrong += count != 1;
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("many callers at once each get all of their work done") {
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&] {
      for (int call = 0; call < 200; ++call) {
        std::atomic<int> done{0};
        run_stages(5, 6, 3, [&](int, int) { ++done; });
        wrong += done != 30;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("an exception in any thread reaches the caller, once nobody works any more") {
  for (const int threads : {1, 4}) {
    for (int call = 0; call < 200; ++call) {
      std::atomic<int> working{0};
      const auto fail = [&](int stage, int tile) {
        ++working;
        if (stage == 3 && tile % 4 == call % 4) {
          --working;
          throw std::runtime_error("no room");
        }
        std::this_thread::yield();
        --working;
      };
      CHECK_THROWS_WITH_AS(run_stages(6, 8, threads, fail), "no room", std::runtime_error);
      CHECK(working == 0);
    }
    std::atomic<int> done{0};
    run_stages(2, 8, threads, [&](int, int) { ++done; });
    CHECK(done == 16);
  }
}

}  // namespace squeezebert::tests
