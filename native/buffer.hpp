// Memory that vectors read well: aligned to cache lines, not initialised.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace squeezebert {

template <class Value>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t count) { reserve(count); }

  // Room for at least `count` values; what was there is lost when it grows.
  void reserve(std::size_t count) {
    if (count <= capacity_) return;
    values_.reset();
    capacity_ = 0;
    const std::size_t bytes = (count * sizeof(Value) + kAlignment - 1) / kAlignment * kAlignment;
    values_.reset(static_cast<Value*>(std::aligned_alloc(kAlignment, bytes)));
    if (!values_) throw std::bad_alloc();
    capacity_ = count;
  }

  Value* data() { return values_.get(); }
  const Value* data() const { return values_.get(); }

 private:
  static constexpr std::size_t kAlignment = 64;
  struct Free {
    void operator()(Value* values) const { std::free(values); }
  };
  std::unique_ptr<Value, Free> values_;
  std::size_t capacity_ = 0;
};

}  // namespace squeezebert
