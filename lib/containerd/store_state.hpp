#pragma once

#include <base/result.hpp>
#include <store/state.hpp>

#include <string>

namespace dind::containerd {

// What a data root holds, with what its containerd store holds, or why nothing may be added there.
store::StoreState with_containerd_store(store::StoreState state, const std::string& data_root);

} // namespace dind::containerd
