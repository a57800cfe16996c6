#include "analysis/checkpoint/knownfamilies.h"

#include <array>

namespace analysis {

std::span<const KnownFamily> knownFamilies() {
  static constexpr std::array families{
      KnownFamily{"MultiHyena", "layers.i.model.filter.implicit_filter.0.weight", true, true,
                  "two operators a block; a channel is a head"},
      KnownFamily{"Hyena", "layers.i.mixer.filter_fn.implicit_filter.0.weight", true, true,
                  "implicit filters; blocks of attention may lie between"},
      KnownFamily{"HyenaDNA", "the same without implicit_filter.3.freq", true, true, "keys of the Hugging Face form"},
      KnownFamily{"Hyena-RTF", "layers.i.mixer.filter_fn.ab and .h_0", true, true,
                  "rational filters, exact at their training length"},
      KnownFamily{"GPT", "layers.i.mixer.Wqkv.weight in every layer", false, true, "the Transformer to compare with"},
      KnownFamily{"H3", "layers.i.mixer.ssm_k_kernel.kernel.C", true, true, "a shift and a diagonal system a layer"},
      KnownFamily{"StripedHyena (Evo 1)", "blocks.i.filter.poles and .residues", true, true, "modal filters"},
      KnownFamily{"StripedHyena 2 (Evo 2)", "blocks.i.filter.log_poles or .h", true, true,
                  "real poles and explicit taps"},
      KnownFamily{"GPT-NeoX", "gpt_neox.layers.i.attention.query_key_value.weight", false, true,
                  "the Transformer to compare with"},
      KnownFamily{"S4D", "*.kernel.log_A_real", true, false, "diagonal state spaces"},
      KnownFamily{"S4", "*.kernel.inv_dt and .A_real", true, false, "diagonal form"},
      KnownFamily{"Long convolution", "*.kernel.kernel and *.D", true, false, "explicit taps"},
      KnownFamily{"H3Conv", "*.k_kernel.kernel and *.kernel.kernel", true, false, "explicit taps"},
      KnownFamily{"RTF", "ab and h_0", true, false, "transfer functions alone"},
      KnownFamily{"SpectraLDS", "A, B, C and h0", true, false, "real poles"},
      KnownFamily{"Filter bank", "filters.<path>, or any real array [n, L >= 16]", true, false,
                  "also .npy, .npz and .h5"},
  };
  return families;
}

}  // namespace analysis
