#pragma once

#include <base/result.hpp>
#include <store/state.hpp>

#include <string>

namespace dind::containerd {

enum class Engine { stopped, may_run };

// What a data root holds, with what its containerd store holds, or why nothing may be added there.
// Where the engine may run that is a state of one moment; else it is refused if one does.
store::StoreState with_containerd_store(store::StoreState state, const std::string& data_root,
                                        Engine engine = Engine::stopped);

} // namespace dind::containerd
