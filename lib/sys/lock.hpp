#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <sys/file.hpp>

#include <functional>
#include <optional>

namespace dind::sys {

// Exclusive locks of an open file or directory (flock). They fall with
// the last descriptor of that opening, and so with the process. EOPNOTSUPP or ENOLCK where the
// filesystem has none.
Result<bool> try_lock(const Fd& fd); // false: another opening has it
Result<void> wait_lock(const Fd& fd);
// Waits for it by tries, between which `interrupted` is asked: false once that says so.
Result<bool> poll_lock(const Fd& fd, const std::function<bool()>& interrupted);

// Opens a lock file, made if it is missing (0600), and waits for it in the same way. Nothing once
// `interrupted` says so.
Result<std::optional<Fd>> take_lock_at(At at, const std::function<bool()>& interrupted);

} // namespace dind::sys
