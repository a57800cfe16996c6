// A block's mixer, a step or a prompt of it: the input projection, then the kernels of its mode.
#include "engine/cuda/forward.h"
#include "engine/cuda/sections.h"
#include "engine/cuda/wideheads.h"

namespace engine::cuda {

void Forward::rotate(std::size_t block, const Rotation& given) const {
  const Attention& host = m_host.blocks[block].attention[0];
  if (host.rotaryDimensions == 0) return;
  Rotation r = given;
  r.streams = at(m_plan.streams);
  r.stride = m_plan.stride;
  r.dimensions = host.rotaryDimensions;
  r.base = host.rotaryBase;
  r.scale = host.rotaryScale;
  engine::cuda::rotate(r, attention(block), m_type, m_launch);
}

void Forward::mixStep(std::size_t block, std::size_t op, const VectorProduct& projection) {
  MixerStep step{m_workload.batch, m_plan.stride, at(m_plan.streams), at(m_plan.mixed),
                 at<Control>(m_plan.control), {}};
  const BlockShape::Kind kind = m_host.blocks[block].kind;
  const int passes = this->passes(block);
  if (kind != BlockShape::Kind::attention) step.shortFilter = passes > 1 ? identity() : shortFilter(block, op);
  if (kind == BlockShape::Kind::hyena && passes == 1 && m_workload.batch == 1 &&
      m_workload.mode.mixer == Mixer::modal && !m_workload.batchInvariant && !keeps(block) && m_carried == 0)
    return stepModalAlone(projection, step, modal(block, op), m_type, m_launch);
  multiply(projection);
  if (kind == BlockShape::Kind::attention) {
    Rotation r{};
    r.rows = m_workload.batch;
    r.control = step.control;
    rotate(block, r);
    const AttentionView view = attention(block);
    return (view.headWidth > narrowHead ? stepWideAttention : stepAttention)(step, view, m_type, m_launch);
  }
  if (kind == BlockShape::Kind::multiHyena) return mixHeads(block, op, step);
  if (passes == 1) return convolveStep(block, op, step);
  PassView view = passView(block);
  view.sequences = m_workload.batch;
  view.tokens = 1;
  view.control = step.control;
  step.streams = view.passed;
  for (int pass = 0; pass < passes; ++pass) {
    beginPass(view, pass, m_type, m_launch);
    convolveStep(block, static_cast<std::size_t>(pass), step);
  }
  keepPassHistory(view, m_type, m_launch);
}

void Forward::convolveStep(std::size_t block, std::size_t op, const MixerStep& step) {
  if (keeps(block)) stepLazy(step, lazy(block, op), m_type, m_launch);  // whose streams two kernels need
  switch (m_workload.mode.mixer) {
    case Mixer::modal:
      return stepModal(step, modal(block, op), m_type, m_launch);
    case Mixer::companion:
      return stepSections(step, modal(block, op), m_type, m_launch);
    case Mixer::modalBlocked:
      return stepBlocked(step, modal(block, op), blocked(block, op), m_type, m_launch);
    case Mixer::convolutionTiled:
      return stepTiled(step, tiled(block, op), m_type, m_launch);
    default:
      return stepLazy(step, lazy(block, op), m_type, m_launch);
  }
}

void Forward::mixHeads(std::size_t block, std::size_t op, const MixerStep& step) {
  const HeadsView view = heads(block, op);
  switch (m_workload.mode.mixer) {
    case Mixer::modal:
      return stepHeads(step, view, m_type, m_launch);
    case Mixer::companion:
      return stepHeadSections(step, view, m_type, m_launch);
    case Mixer::modalBlocked:
      return stepHeadBlocks(step, view, headBlocks(block, op), m_type, m_launch);
    case Mixer::convolutionTiled:
      return stepHeadTiles(step, view, tiled(block, op), m_type, m_launch);
    default:
      return stepHeadCache(step, view, headCache(block, op), m_type, m_launch);
  }
}

void Forward::mixPrompt(std::size_t block, std::size_t op, const VectorProduct& projection, const MixerPrompt& given) {
  multiply(projection);
  MixerPrompt prompt = given;
  const BlockShape::Kind kind = m_host.blocks[block].kind;
  if (kind == BlockShape::Kind::attention) {
    Rotation r{};
    r.rows = prompt.sequences * prompt.tokens;
    r.position = prompt.position;
    r.tokensPerRow = prompt.tokens;
    rotate(block, r);
    const AttentionView view = attention(block);
    return (view.headWidth > narrowHead ? promptWideAttention : promptAttention)(prompt, view, m_type, m_launch);
  }
  if (passes(block) > 1) {
    PassView view = passView(block);
    view.firstSequence = prompt.firstSequence;
    view.sequences = prompt.sequences;
    view.tokens = prompt.tokens;
    view.position = prompt.position;
    prompt.streams = view.passed;
    prompt.shortFilter = identity();
    for (int pass = 0; pass < view.passes; ++pass) {
      beginPass(view, pass, m_type, m_launch);
      convolvePrompt(block, static_cast<std::size_t>(pass), prompt);
    }
    return keepPassHistory(view, m_type, m_launch);
  }
  prompt.shortFilter = shortFilter(block, op);
  convolvePrompt(block, op, prompt);
  keepHistory(prompt, m_type, m_launch);
}

void Forward::convolvePrompt(std::size_t block, std::size_t op, const MixerPrompt& prompt) {
  const Mixer mixer = m_workload.mode.mixer;
  const bool sections = mixer == Mixer::companion;
  if (m_host.blocks[block].kind == BlockShape::Kind::multiHyena) {
    if (mixer == Mixer::convolutionTiled)  // whose product has read the normed rows
      promptHeadTiles(prompt, heads(block, op), tiled(block, op), at(m_plan.normed), m_type, m_launch);
    else if (!recurrent(mixer))
      promptHeadCache(prompt, heads(block, op), headCache(block, op), m_type, m_launch);
    else
      (sections ? promptHeadSections : promptHeads)(prompt, heads(block, op), m_type, m_launch);
  } else if (recurrent(mixer)) {
    if (keeps(block)) promptLazy(prompt, lazy(block, op), m_type, m_launch);
    if (sections)
      promptSections(prompt, modal(block, op), m_type, m_launch);
    else
      promptModal(prompt, modal(block, op), m_workload.mode.prefill == Prefill::scan, m_type, m_launch);
  } else if (mixer == Mixer::convolutionTiled) {
    promptTiled(prompt, tiled(block, op), m_type, m_launch);
  } else {
    promptLazy(prompt, lazy(block, op), m_type, m_launch);
  }
}

}  // namespace engine::cuda
