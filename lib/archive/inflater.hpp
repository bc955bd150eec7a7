#pragma once

#include <base/result.hpp>

#include <cstddef>
#include <memory>
#include <span>

struct z_stream_s;

namespace dind::archive {

// Inflates gzip, a piece at a time, several members in a row as one stream. A copy goes on by
// itself from where the stream stood: it takes 40 KiB.
class Inflater {
public:
  Inflater();
  Inflater(const Inflater& other);
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();

  // How much of `input` was used, and how much of `into` was filled; neither may be empty.
  struct Step {
    std::size_t used = 0;
    std::size_t made = 0;
  };
  Result<Step> step(std::span<const std::byte> input, std::span<std::byte> into);

  // A stream that ends here is cut short.
  bool in_member() const { return in_member_; }

private:
  std::unique_ptr<z_stream_s> stream_; // zlib knows it by its address
  bool in_member_ = false;
};

} // namespace dind::archive
