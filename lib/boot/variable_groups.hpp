#pragma once

#include <base/result.hpp>
#include <base/wishes.hpp>
#include <boot/variable_reader.hpp>

namespace dind::boot {

// Parts of read_wishes (boot/variables.hpp), with its errors.
Result<EngineWishes> read_engine_wishes(const VariableReader& reader);
Result<SupervisionWishes> read_supervision_wishes(const VariableReader& reader);

} // namespace dind::boot
