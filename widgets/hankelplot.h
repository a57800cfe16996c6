// The plot on which the order is chosen: Hankel singular values, the error over order, what bounds it from above and
// from below, suggested orders, and the order line itself.
//
// All on one logarithmic axis without unit: singular values as shares of the largest, errors relative to ||h||.
#pragma once

#include <QString>
#include <memory>
#include <optional>
#include <vector>

#include "widgets/overlay.h"
#include "widgets/plot.h"

namespace widgets {

class Curve;
class OverlayCurves;

struct SuggestedOrder {
  int order = 0;
  QString reason;  // "error below 1e-2"; shown when pointed at
};

class HankelPlot : public Plot {
  Q_OBJECT

 public:
  explicit HankelPlot(QWidget* parent = nullptr);
  ~HankelPlot() override;

  // Largest first; an empty vector empties the plot, NaN stands for those not known yet. `converged` false is said in the legend.
  void setSingularValues(std::vector<double> values, bool converged = true);
  // Relative l2 errors, index = order from 0; NaN where not known yet. Empty removes the curve. O(orders).
  void setErrors(std::vector<double> byOrder);
  void setCertificate(std::vector<double> byOrder);
  void setTwiceTailSum(std::vector<double> byOrder);
  // Error curves of other methods by order, to compare; an empty list removes them.
  void setOverlays(std::vector<Overlay> errorsByOrder);
  void setSuggestedOrders(std::vector<SuggestedOrder> suggestions);

  // Where the line may stand; `step` 2 for methods of even order only. The line moves if it must, silently.
  void setOrderRange(int least, int most, int step = 1);
  int order() const { return m_order; }
  // Moves the line without a signal. Costs the order line only: its layer is buffered.
  void setOrder(int order);

  // Words after the error at the line while it stands at `order`: what is known of that model. Empty removes them.
  void setOrderRemark(int order, const QString& words);

  bool isEmpty() const override { return m_values.empty(); }
  DataTable table() const override;

 Q_SIGNALS:
  // While the person drags, at every new order.
  void orderMoved(int order);
  // Once, when the person lets go, clicks a point, or steps with the keys.
  void orderChosen(int order);

 protected:
  void fitRanges() override;
  void resample() override;
  void themeChanged() override;
  void scaleTypesChanged() override;
  std::optional<Readout> readoutAt(QPointF pixel) const override;
  QString summary() const override;
  bool beginDrag(QPointF pixel) override;
  void dragTo(QPointF pixel) override;
  void endDrag(QPointF pixel) override;
  Qt::CursorShape pointerAt(QPointF pixel) const override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  static double floorOfValues();  // relative: what float64 can tell of a singular value
  int snapped(double order) const;
  int orderAt(QPointF pixel) const;
  bool isOnLine(QPointF pixel) const;
  std::optional<int> pointAt(QPointF pixel) const;
  std::optional<double> valueAt(const Curve& curve, int order) const;
  bool moveTo(int order);
  void updateLegend();
  void drawStems(QPainter& painter) const;
  void drawCertificate(QPainter& painter) const;
  void drawSuggestions(QPainter& painter) const;
  void drawOrderLine(QPainter& painter) const;
  void drawChoice(QPainter& painter, QPointF point, double error) const;

  std::vector<double> m_values;    // as given
  std::vector<double> m_relative;  // shares of the largest
  bool m_converged = true;
  std::vector<SuggestedOrder> m_suggestions;
  std::unique_ptr<Curve> m_errors;
  std::unique_ptr<Curve> m_certificate;
  std::unique_ptr<Curve> m_bound;
  std::unique_ptr<OverlayCurves> m_overlays;
  QString m_orderRemark;
  int m_remarkedOrder = -1;
  int m_order = 0;
  int m_least = 0;
  int m_most = 64;
  int m_step = 1;
  int m_orderAtPress = 0;
};

}  // namespace widgets
