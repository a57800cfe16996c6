#include "app/glossary.h"

#include <QFile>
#include <QLineEdit>
#include <QTextBrowser>
#include <QVBoxLayout>

#include "app/resources.h"
#include "widgets/theme.h"

namespace app {

std::vector<GlossaryEntry> glossary() {
  QFile file(QString::fromStdString(resource("help/glossary.md").string()));
  std::vector<GlossaryEntry> entries;
  if (!file.open(QIODevice::ReadOnly)) return entries;
  const QString all = QString::fromUtf8(file.readAll());
  for (const QString& part : all.split(QStringLiteral("## "), Qt::SkipEmptyParts)) {
    const qsizetype end = part.indexOf('\n');
    entries.push_back({part.left(end).trimmed(), part.mid(end).simplified()});
  }
  return entries;
}

Glossary::Glossary(QWidget* parent) : QDialog(parent), m_entries(glossary()) {
  setObjectName(QStringLiteral("glossary"));
  setWindowTitle(tr("Glossary"));
  const widgets::Theme theme = widgets::applicationTheme();
  m_line = new QLineEdit;
  m_line->setPlaceholderText(tr("Search a word"));
  m_line->setAccessibleName(tr("Search the glossary"));
  m_line->setClearButtonEnabled(true);
  m_text = new QTextBrowser;
  m_text->setAccessibleName(tr("Terms and what they mean"));
  m_text->setFont(theme.font(widgets::TextSize::Title));
  m_text->document()->setDocumentMargin(theme.space(3));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(12, 12, 12, 12);
  layout->addWidget(m_line);
  layout->addWidget(m_text, 1);
  resize(qRound(560 * theme.scale()), qRound(600 * theme.scale()));
  connect(m_line, &QLineEdit::textChanged, this, &Glossary::list);
  list({});
}

void Glossary::list(const QString& typed) {
  const QString wanted = typed.trimmed();
  QString html;
  const auto add = [&](bool byTerm) {
    for (const GlossaryEntry& entry : m_entries) {
      const bool inTerm = entry.term.contains(wanted, Qt::CaseInsensitive);
      if (byTerm ? !inTerm : inTerm || !entry.text.contains(wanted, Qt::CaseInsensitive)) continue;
      html += QStringLiteral("<p><b>%1</b><br>%2</p>").arg(entry.term.toHtmlEscaped(), entry.text.toHtmlEscaped());
    }
  };
  add(true);
  if (!wanted.isEmpty()) add(false);  // words that are explained by others come after
  m_text->setHtml(html.isEmpty() ? tr("<p>No term has this word.</p>") : html);
}

}  // namespace app
