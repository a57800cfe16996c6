// Numbers of the window as CSV.
#pragma once

#include <QString>

#include "app/filtertable.h"
#include "widgets/datatable.h"

namespace widgets {
class Plot;
}

namespace app {

// The rows the table shows, in the order it shows them, with every number in full; what is not known yet is empty.
QString filterCsv(const FilterTableView&, const FilterTable&, const Document&);
// What a plot shows: the rows whose first column lies in its x range, all of them while it shows everything.
widgets::DataTable visibleNumbers(const widgets::Plot&);

}  // namespace app
