#include <boot/boot.hpp>

#include <base/log.hpp>

#include <unistd.h>

#include <exception>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  // No exception is expected. One that escaped would end PID 1 without a word.
  try {
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    std::vector<std::string> environment;
    for (char** entry = environ; *entry; ++entry) {
      environment.emplace_back(*entry);
    }
    return dind::boot::run(arguments, environment);
  } catch (const std::exception& failure) {
    dind::log::error("unexpected: {}", failure.what());
    return 70; // EX_SOFTWARE
  }
}
