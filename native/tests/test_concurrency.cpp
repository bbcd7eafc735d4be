// One encoder used from many threads and from forked processes.
#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <string>
#include <vector>

#include "machine.hpp"
#include "model.hpp"

namespace squeezebert::tests {
namespace {

constexpr unsigned kSeconds = 60;

// Whether `work` returns true in a child of this process, soon enough.
template <class Work>
bool holds_in_child(Work work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(kSeconds);
    _exit(work() ? 0 : 1);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

const Architecture kGrouped = {64, 4, 128, 3, {4, 4, 4, 1, 4, 4}};
const Architecture kSeparable = {64, 4, 128, 2, {4, 4, 4, 1, 4, 4}, 3};

}  // namespace

TEST_CASE("threads that call at once get what they would alone") {
  for (const Architecture& architecture : {kGrouped, kSeparable}) {
    const Model model(architecture, 50);
    for (const Kernels* kernels : usable_kernels()) {
      const auto encoder = model.encoder(*kernels, Precision::int8);
      std::vector<Texts> texts;
      std::vector<std::vector<float>> expected;
      for (const int length : {3, 150, 40, 9, 77, 21}) {
        texts.emplace_back(std::vector<int>{length, 5, length}, length);
        expected.push_back(encode(*encoder, model, texts.back(), 1));
      }
      std::atomic<int> wrong{0};
      std::vector<std::thread> callers;
      for (std::size_t caller = 0; caller < texts.size(); ++caller) {
        callers.emplace_back([&, caller] {
          for (int call = 0; call < 6; ++call) {
            const std::size_t index = (caller + call) % texts.size();
            wrong += encode(*encoder, model, texts[index], 1 + call % 3) != expected[index];
          }
        });
      }
      for (std::thread& caller : callers) caller.join();
      INFO(std::string(kernels->name));
      CHECK(wrong == 0);
    }
  }
}

// What neither sanitizers nor emulators of processors follow.
TEST_SUITE_BEGIN("processes");

TEST_CASE("a forked child encodes with threads of its own") {
  const Model model(kGrouped, 51);
  const auto encoder = model.encoder(*usable_kernels().front(), Precision::int8);
  const Texts texts({90, 90}, 52);
  const std::vector<float> expected = encode(*encoder, model, texts, 4);
  const auto works = [&] { return encode(*encoder, model, texts, 4) == expected; };
  CHECK(holds_in_child(works));
  CHECK(holds_in_child([&] { return works() && holds_in_child(works); }));
  CHECK(works());
}

TEST_CASE("a child forked while others encode can encode") {
  const Model model(kGrouped, 53);
  const auto encoder = model.encoder(*usable_kernels().front(), Precision::int8);
  const Texts texts({20, 20}, 54);
  const std::vector<float> expected = encode(*encoder, model, texts, 2);
  std::atomic<bool> over{false};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 2; ++caller) {
    callers.emplace_back([&] {
      while (!over) encode(*encoder, model, texts, 2);
    });
  }
  for (int child = 0; child < 50; ++child) {
    CHECK(holds_in_child([&] { return encode(*encoder, model, texts, 2) == expected; }));
  }
  over = true;
  for (std::thread& caller : callers) caller.join();
}

TEST_CASE("where the system refuses more threads, those there are do the work") {
  const Model model(kGrouped, 55);
  const auto encoder = model.encoder(*usable_kernels().front(), Precision::int8);
  const Texts texts({400, 400, 400}, 56);
  const std::vector<float> expected = encode(*encoder, model, texts, 1);
  CHECK(holds_in_child([&] {
    const rlimit little{64 << 20, 64 << 20};
    const rlimit whole{32 << 20, 32 << 20};
    setrlimit(RLIMIT_STACK, &whole);
    setrlimit(RLIMIT_AS, &little);
    return encode(*encoder, model, texts, 100) == expected;
  }));
}

TEST_SUITE_END();

}  // namespace squeezebert::tests
