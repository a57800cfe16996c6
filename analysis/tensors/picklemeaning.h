// What the names in a pickle mean: the few classes and functions of Python and PyTorch that describe data.
#pragma once

#include <functional>
#include <string>

#include "analysis/tensors/pickle.h"

namespace analysis {

using MakeNode = std::function<PickleNode*(PickleNode::Kind)>;

// Throws Error(input) for a module or function that honest checkpoints never name.
void refuseDangerous(const std::string& module, const std::string& name, const std::string& subject);

// "module.name" with Python 2 spellings replaced by today's.
std::string qualifiedName(const std::string& module, const std::string& name);

// What calling `callee` with `arguments` stands for: a container, a tensor, or an inert object.
PickleNode* meaningOfCall(PickleNode* callee, PickleNode* arguments, const MakeNode&, const std::string& subject);

// What a persistent id stands for: a storage. Throws Error(input) for any other form.
PickleNode* meaningOfPersistentId(const PickleNode& id, const MakeNode&, const std::string& subject);

// Records the state that BUILD would hand to an object.
void applyState(PickleNode& target, PickleNode* state);

}  // namespace analysis
