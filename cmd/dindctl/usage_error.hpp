#pragma once

#include <CLI/App.hpp>

#include <string>

namespace dind::ctl {

// Says in one line on standard error that `word` is no verb, which one may be meant, and where to
// read on. Returns the exit code.
int fail_verb(const CLI::App& program, const std::string& word);

// The same of what the parser would not take.
int fail_parsing(const CLI::App& program, const CLI::ParseError& failure);

} // namespace dind::ctl
