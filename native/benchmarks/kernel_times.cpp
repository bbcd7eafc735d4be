// Where the time of one layer goes: every kernel that a tile of 64 tokens of the base shape (hidden
// size 768, 12 heads, 3,072 wide, 4 groups) needs, on one thread, for each instruction set that the
// machine runs. Prints a markdown table for each precision: least time over repeats, rate, and the
// share of the layer.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "layer.hpp"
#include "machine.hpp"

namespace {

using namespace squeezebert;

constexpr int kTokens = 64, kHidden = 768, kWide = 3072, kGroups = 4, kHeads = 12;
constexpr int kKeys = 128;  // of the sequence that the tile is half of
constexpr int kHeadWidth = kHidden / kHeads;
constexpr double kPatience = 0.2;  // seconds for each kernel

// Least seconds of a call. Each sample lasts long enough for the clock.
double least_seconds(const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  double least = 1e9;
  int repeats = 1;
  for (const auto begin = Clock::now(); seconds(Clock::now() - begin) < kPatience;) {
    const auto start = Clock::now();
    for (int i = 0; i < repeats; ++i) call();
    const double taken = seconds(Clock::now() - start);
    least = std::min(least, taken / repeats);
    if (taken < 1e-4) repeats *= 2;
  }
  return least;
}

struct Row {
  std::string name;
  double seconds, operations;
};

std::vector<float> values(std::size_t count) {
  std::vector<float> result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
  return result;
}

// A product of 64 rows, and the preparation of its rows, for all groups of a layer.
void time_layer(const Kernels& kernels, Precision precision, const char* name, int inputs,
                int outputs, int groups, int times, std::vector<Row>& rows) {
  const auto weight = values(static_cast<std::size_t>(inputs) / groups * outputs);
  const auto bias = values(outputs);
  const auto x = values(static_cast<std::size_t>(kTokens) * inputs);
  std::vector<float> y(static_cast<std::size_t>(kTokens) * outputs), scales(kTokens);
  const PositionWise layer(kernels, precision, inputs, outputs, groups, weight.data(), bias.data(),
                           nullptr, 0);
  const Product& product = layer.product();
  const int width = layer.group_inputs();
  Buffer<std::byte> room(product.operand_bytes(width) * padded_rows(kTokens) + 1);
  const auto prepare = [&](int group) {
    return product.prepare(x.data() + group * width, inputs, kTokens, width, room.data(),
                           scales.data());
  };
  const auto all_groups = [&](const auto& step) {
    return [&, step] {
      for (int group = 0; group < groups; ++group) step(group);
    };
  };
  const double preparing = least_seconds(all_groups(prepare));
  const double both = least_seconds(all_groups([&](int group) {
    product.multiply(prepare(group), kTokens, layer.panels(group),
                     y.data() + group * layer.group_outputs(), outputs);
  }));
  rows.push_back({std::string("quantise or convert for ") + name, preparing, 0});
  rows.push_back({name, times * (both - preparing),
                  times * 2.0 * kTokens * width * static_cast<double>(outputs)});
}

void time_elementwise(const Kernels& kernels, std::vector<Row>& rows) {
  auto wide = values(static_cast<std::size_t>(kTokens) * kWide);
  const auto norm = values(kHidden);
  const auto each_row = [&](const auto& step) {
    return least_seconds([&] {
      for (int row = 0; row < kTokens; ++row) step(wide.data() + row * kHidden);
    });
  };
  rows.push_back({"GELU", least_seconds([&] {
                    std::fill(wide.begin(), wide.end(), 0.7f);
                    kernels.gelu(wide.data(), kTokens * kWide);
                  }), 0});
  rows.push_back({"two additions with LayerNorm", 2 * each_row([&](float* row) {
                    kernels.add_and_normalise(row, norm.data(), norm.data(), norm.data(), 1e-12f,
                                              kHidden);
                  }), 0});
  rows.push_back({"softmax", kHeads * kKeys / static_cast<double>(kHidden) * each_row([&](float* row) {
                    kernels.softmax(row, 0.125f, kHidden);
                  }), 0});
}

void time_attention(const Kernels& kernels, Precision precision, std::vector<Row>& rows) {
  const Precision used =
      precision != Precision::fp32 && kernels.fast_bf16 ? Precision::bf16 : Precision::fp32;
  std::vector<Row> parts;
  time_layer(kernels, used, "attention's products", kHeadWidth, kKeys, 1, 1, parts);
  time_layer(kernels, used, "attention's products", kKeys, kHeadWidth, 1, 1, parts);
  Row total{"attention's products", 0, 0};
  for (const Row& part : parts) {
    total.seconds += kHeads * part.seconds;
    total.operations += kHeads * part.operations;
  }
  rows.push_back(total);
}

void print(const Kernels& kernels, const char* precision, const std::vector<Row>& rows) {
  double total = 0;
  for (const Row& row : rows) total += row.seconds;
  std::printf("\n%s, %s\n\n| kernel | us | share | GFLOP/s |\n| --- | --- | --- | --- |\n",
              kernels.name, precision);
  for (const Row& row : rows) {
    std::printf("| %s | %.1f | %.1f%% | ", row.name.c_str(), 1e6 * row.seconds,
                100 * row.seconds / total);
    row.operations > 0 ? std::printf("%.0f |\n", row.operations / row.seconds / 1e9)
                       : std::printf("|\n");
  }
  std::printf("| a layer | %.1f | | |\n", 1e6 * total);
}

}  // namespace

int main() {
  constexpr std::pair<Precision, const char*> kAll[] = {
      {Precision::int8, "int8"}, {Precision::bf16, "bf16"}, {Precision::fp32, "fp32"}};
  for (const Kernels* kernels : usable_kernels()) {
    for (const auto& [precision, name] : kAll) {
      std::vector<Row> rows;
      time_layer(*kernels, precision, "query, key and value", kHidden, kHidden, kGroups, 3, rows);
      time_attention(*kernels, precision, rows);
      time_layer(*kernels, precision, "post-attention, dense", kHidden, kHidden, 1, 1, rows);
      time_layer(*kernels, precision, "feed-forward, widening", kHidden, kWide, kGroups, 1, rows);
      time_layer(*kernels, precision, "feed-forward, narrowing", kWide, kHidden, kGroups, 1, rows);
      time_elementwise(*kernels, rows);
      print(*kernels, name, rows);
    }
  }
}
