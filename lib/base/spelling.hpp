#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace dind {

// The edits of one character that turn one word into the other (Levenshtein).
std::size_t edit_distance(std::string_view from, std::string_view to);

// The candidate that `word` may have been meant to be: the nearest, if it is at most `most` edits
// away; else "".
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates,
                              std::size_t most);

} // namespace dind
