#pragma once

#include <base/error.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

namespace dind::ctl {

// Says in one line on standard error what a verb could not do, or what the program could not where
// `verb` is empty. Returns the exit code: bad data where no system call is to blame, an I/O error
// otherwise.
int fail(std::string_view verb, const Error& error);

// The same for what is wrong with the command line.
int fail_usage(std::string_view verb, const Error& error);

// The same for what the arguments lead to: without an errno, it is they that do not do.
int fail_arguments(std::string_view verb, const Error& error);

// Names each image that cannot be had in such a line, and returns the exit code where `made` images
// are there all the same: that it is not all of them, or, without one, that of the first failure.
int fail_images(std::string_view verb, const std::vector<Error>& refused, std::size_t made);

// Whether the exit code of a verb that makes something says that it is there.
bool is_done(int exit_code);

// A full disk with the `place` that is full, unless it says that already; any other error as it is.
Error told_where(Error error, std::string_view place);

void warn(std::string_view verb, std::string_view warning);
// What is worth a line, and nothing wrong.
void note(std::string_view verb, std::string_view what);

} // namespace dind::ctl
