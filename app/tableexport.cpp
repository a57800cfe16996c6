#include "app/tableexport.h"

#include <cmath>

#include "widgets/plot.h"

namespace app {

namespace {

QString field(double value) {
  return std::isnan(value) ? QString() : QString::number(value, 'g', 17);
}

}  // namespace

QString filterCsv(const FilterTableView& view, const FilterTable& table, const Document& document) {
  QString out = QStringLiteral(
      "filter,layer,operator,channel,order (states),suggested order (states),locked,error (relative l2),error over certificate,effective length "
      "(taps),energy,length (taps),spectral radius\n");
  constexpr SearchKey numbers[] = {SearchKey::layer,  SearchKey::operatorIndex, SearchKey::channel,
                                   SearchKey::order,  SearchKey::suggested,     SearchKey::locked,
                                   SearchKey::error,  SearchKey::ratio,         SearchKey::effectiveLength,
                                   SearchKey::energy, SearchKey::length,        SearchKey::radius};
  for (int i = 0; i < view.rowCount(); ++i) {
    const int row = view.documentRow(view.index(i, 0));
    out += document.filterName(row);
    for (const SearchKey key : numbers) out += QLatin1Char(',') + field(table.value(row, key));
    out += QStringLiteral("\n");
  }
  return out;
}

widgets::DataTable visibleNumbers(const widgets::Plot& plot) {
  widgets::DataTable all = plot.table();
  if (plot.isFitted() || all.columns.empty()) return all;
  const widgets::Range range = plot.xRange();
  widgets::DataTable out;
  out.headers = all.headers;
  out.columns.resize(all.columns.size());
  const std::vector<double>& x = all.columns.front();
  for (std::size_t row = 0; row < x.size(); ++row) {
    if (!(x[row] >= range.low && x[row] <= range.high)) continue;
    for (std::size_t c = 0; c < all.columns.size(); ++c)
      out.columns[c].push_back(row < all.columns[c].size() ? all.columns[c][row] : std::nan(""));
  }
  return out;
}

}  // namespace app
