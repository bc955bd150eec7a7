#pragma once

#include <CLI/App.hpp>

namespace dind::ctl {

// Exit codes, as documented for users.
inline constexpr int kDone = 0;
inline constexpr int kDoesNotHold = 1; // the thing asked about is not so
inline constexpr int kUsage = 64;
inline constexpr int kBadInput = 65;
inline constexpr int kIoError = 74;

// Each registers a verb with a callback that does the work, reports errors
// as one line on standard error and sets `exit_code`, which must outlive the app.
void add_bake(CLI::App& app, int& exit_code);
void add_image(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);
void add_verify(CLI::App& app, int& exit_code);
void add_probe(CLI::App& app, int& exit_code);
void add_seed(CLI::App& app, int& exit_code);
void add_status(CLI::App& app, int& exit_code);
void add_ready(CLI::App& app, int& exit_code);
void add_live(CLI::App& app, int& exit_code);
void add_registry(CLI::App& app, int& exit_code);
void add_doctor(CLI::App& app, int& exit_code);
void add_plot(CLI::App& app, int& exit_code);
void add_wait(CLI::App& app, int& exit_code);
void add_help(CLI::App& app, int& exit_code);
void add_completion(CLI::App& app, int& exit_code);
void add_man(CLI::App& app, int& exit_code);

} // namespace dind::ctl
