// What a program has to live with while nothing is wrong: transfers that are cut short, and waiting
// that a signal interrupts.
#pragma once

#include "system_call.hpp"

#include <cstdio>
#include <random>
#include <string>
#include <vector>

class Storm {
public:
  explicit Storm(unsigned long seed) : dice_(seed) {}

  // Those that it may disturb.
  static std::vector<Call> calls();

  // Disturbs the call if the dice say so, and says it in a line of `log`.
  void pass_over(const SystemCall& call, std::FILE* log);

private:
  std::string program_; // of the first call
  std::mt19937_64 dice_;
};
