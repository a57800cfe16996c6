// A model of frameoracle.h as a file that is open.
#pragma once

#include <QTemporaryDir>

#include "analysis/checkpoint/checkpoint.h"
#include "frameoracle.h"
#include "tests/analysis/tensorwriters.h"

struct OpenedFrame {
  FrameFile file;
  std::shared_ptr<const analysis::Checkpoint> checkpoint;
};

inline OpenedFrame openFrame(const QString& name, const QTemporaryDir& folder, int width = 8, int inner = 12) {
  OpenedFrame result{frameFile(name.toStdString(), width, inner), nullptr};
  std::vector<writers::Tensor> tensors;
  for (const auto& [key, tensor] : result.file.tensors)
    tensors.push_back(writers::floats(key, tensor.shape, tensor.values));
  const QString path = folder.filePath("model.safetensors");
  writers::save(path, writers::safetensors(tensors));
  writers::save(folder.filePath("config.json"), result.file.configuration);
  result.checkpoint = analysis::Checkpoint::open(path.toStdString());
  return result;
}
