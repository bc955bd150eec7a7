#pragma once

#include <string_view>

namespace dind::ctl {

// Puts something that can be neither read nor written where standard input or output is closed:
// the next file that is opened would take that place, and get what is printed.
void hold_standard_streams();

// Writes out what has been printed. A standard output that does not take it is an error of the
// verb, unless the verb has failed anyway. Returns the exit code.
int finish_output(std::string_view verb, int exit_code);

} // namespace dind::ctl
