#include "buffer.hpp"

namespace squeezebert {

template class Buffer<std::byte>;
template class Buffer<float>;

}  // namespace squeezebert
