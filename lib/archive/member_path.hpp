#pragma once

#include <base/result.hpp>

#include <string>
#include <string_view>

namespace dind::archive {

// How a layer names what it deletes of those below (image-spec layer.md, "Whiteouts"): a file of
// this prefix and the deleted name, and one by which a directory hides all that it had.
inline constexpr std::string_view kWhiteoutPrefix = ".wh.";
inline constexpr std::string_view kOpaqueName = ".wh..wh..opq";

// The path of a member inside its layer, as engines clean it (Go's filepath.Clean, then Join with
// the layer's root, which an absolute name begins at); "" is the root. Nothing that leads out of
// the layer, no NUL; components are at most 255 bytes, the whole at most 4095.
Result<std::string> clean_path(const std::string& name);

// filepath.Clean without conditions: "." for nothing, ".." kept where it leads out.
std::string lexically_clean(std::string_view name);

// The part in front of the last slash, "" where there is none; and the part behind it.
std::string_view parent_of(std::string_view path);
std::string_view base_of(std::string_view path);

} // namespace dind::archive
