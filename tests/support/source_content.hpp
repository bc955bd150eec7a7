#pragma once

#include <images/image.hpp>

#include <iterator>
#include <vector>

namespace dind::test {

// The images of a source of which none is refused, or the first refusal. For programs that link
// dind_images.
inline Result<std::vector<images::SourceImage>> all_images(Result<images::SourceContent> content,
                                                           images::Warnings& warnings) {
  if (!content) {
    return std::move(content).error();
  }
  if (!content->refused.empty()) {
    return content->refused.front();
  }
  std::move(content->warnings.begin(), content->warnings.end(), std::back_inserter(warnings));
  return std::move(content->images);
}

} // namespace dind::test
