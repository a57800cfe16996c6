#include "app/helppages.h"

#include <QFile>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QImage>
#include <QListWidget>
#include <QTextBlock>
#include <QTextBrowser>
#include <QTextCursor>
#include <QTextFragment>
#include <QTextImageFormat>
#include <QtMath>
#include <algorithm>

#include "analysis/error.h"
#include "app/resources.h"
#include "widgets/theme.h"

namespace app {

namespace {

// Air around headings and paragraphs, and a ground under code: the reader of Markdown leaves them bare. Long lines of code
// go on in the next one, so that no page is wider than the window.
void typeset(QTextDocument& document, const widgets::Theme& theme) {
  for (QTextBlock block = document.begin(); block.isValid(); block = block.next()) {
    QTextBlockFormat format = block.blockFormat();
    const bool code = format.hasProperty(QTextFormat::BlockCodeLanguage) || format.nonBreakableLines() ||
                      (block.begin() != block.end() && block.begin().fragment().charFormat().fontFixedPitch() &&
                       block.begin().fragment().length() + 1 == block.length());
    const bool codeBefore = code && block.previous().blockFormat().background() == theme.colour(widgets::Role::Grid);
    format.setTopMargin(format.headingLevel() > 0 ? theme.space(5) : codeBefore ? 0 : theme.space(2));
    format.setBottomMargin(format.headingLevel() > 0 ? theme.space(1) : 0);
    if (code) {
      format.setBackground(theme.colour(widgets::Role::Grid));
      format.setNonBreakableLines(false);
    }
    const bool picture = block.begin() != block.end() && block.begin().fragment().charFormat().isImageFormat();
    if (!code && !picture) format.setLineHeight(120, QTextBlockFormat::ProportionalHeight);
    QTextCursor(block).setBlockFormat(format);
  }
}

// Pictures no wider than the page.
void fitPictures(QTextBrowser& view) {
  const int most = view.viewport()->width() - 2 * qCeil(view.document()->documentMargin());
  std::vector<QTextFragment> pictures;  // collected first: a change of format ends what walks over a block
  for (QTextBlock block = view.document()->begin(); block.isValid(); block = block.next())
    for (auto part = block.begin(); !part.atEnd(); ++part)
      if (part.fragment().charFormat().isImageFormat()) pictures.push_back(part.fragment());
  for (const QTextFragment& picture : pictures) {
    QTextImageFormat format = picture.charFormat().toImageFormat();
    const QByteArray bytes = view.loadResource(QTextDocument::ImageResource, QUrl(format.name())).toByteArray();
    const int natural = QImage::fromData(bytes).width();
    if (natural <= 0) continue;
    format.setWidth(std::min(most, natural));
    QTextCursor cursor(view.document());
    cursor.setPosition(picture.position());
    cursor.setPosition(picture.position() + picture.length(), QTextCursor::KeepAnchor);
    cursor.setCharFormat(format);
  }
}

}  // namespace

std::vector<HelpPage> helpPages() {
  std::vector<HelpPage> pages;
  for (const char* name : {"tutorial", "methods", "benchmarking", "recipes", "keys"}) {
    const std::string path = resource("help/" + std::string(name) + ".md").string();
    QFile file(QString::fromStdString(path));
    if (!file.open(QIODevice::ReadOnly))
      throw analysis::Error(analysis::ErrorKind::input, path, "the help page cannot be read", "install the program again");
    pages.push_back({QString::fromUtf8(file.readLine()).remove(0, 1).trimmed(), file.fileName()});
  }
  return pages;
}

HelpPages::HelpPages(QWidget* parent, int page) : QDialog(parent), m_pages(helpPages()) {
  setObjectName(QStringLiteral("helpPages"));
  setWindowTitle(tr("Help"));
  const widgets::Theme theme = widgets::applicationTheme();
  m_list = new QListWidget;
  m_list->setAccessibleName(tr("Help pages"));
  m_list->setWordWrap(true);
  m_list->setFixedWidth(theme.space(56));
  m_list->setSpacing(theme.space(1));
  for (const HelpPage& known : m_pages) m_list->addItem(known.title);
  m_text = new QTextBrowser;
  m_text->setAccessibleName(tr("Text of the help page"));
  m_text->setOpenExternalLinks(true);
  m_text->setFont(theme.font(widgets::TextSize::Body));
  m_text->document()->setDocumentMargin(theme.space(4));
  m_text->document()->setDefaultFont(theme.font(widgets::TextSize::Body));
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(12, 12, 12, 12);
  layout->addWidget(m_list);
  layout->addWidget(m_text, 1);
  resize(qRound(1040 * theme.scale()), qRound(720 * theme.scale()));
  connect(m_list, &QListWidget::currentRowChanged, this, &HelpPages::turnTo);
  m_list->setCurrentRow(page);
}

void HelpPages::turnTo(int page) {
  if (page < 0) return;
  const HelpPage& chosen = m_pages[static_cast<std::size_t>(page)];
  // Pictures are named relative to the page.
  m_text->setSearchPaths({QFileInfo(chosen.path).path()});
  m_text->setSource(QUrl::fromLocalFile(chosen.path), QTextDocument::MarkdownResource);
  typeset(*m_text->document(), widgets::applicationTheme());
  fitPictures(*m_text);
}

void HelpPages::resizeEvent(QResizeEvent* event) {
  QDialog::resizeEvent(event);
  QMetaObject::invokeMethod(this, [this] { fitPictures(*m_text); }, Qt::QueuedConnection);  // the view is laid out then
}

}  // namespace app
