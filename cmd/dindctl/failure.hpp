#pragma once

#include <base/error.hpp>

#include <string_view>

namespace dind::ctl {

// Says in one line on standard error what a verb could not do, and returns the
// exit code: bad data where no system call is to blame, an I/O error otherwise.
int fail(std::string_view verb, const Error& error);

// The same for what is wrong with the command line.
int fail_usage(std::string_view verb, const Error& error);

// The same for what the arguments lead to: without an errno, it is they that do not do.
int fail_arguments(std::string_view verb, const Error& error);

// A full disk with the `place` that is full, unless it says that already; any other error as it is.
Error told_where(Error error, std::string_view place);

void warn(std::string_view verb, std::string_view warning);
// What is worth a line, and nothing wrong.
void note(std::string_view verb, std::string_view what);

} // namespace dind::ctl
