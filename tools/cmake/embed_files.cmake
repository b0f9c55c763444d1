# Writes a C++ file with the bytes of some files in it, so that a program needs none of them at run
# time. The output depends on the files' names and bytes alone.
#
#   cmake -DROOT=folder -DFILES=index.html,app.js -DOUTPUT=assets.cc -P embed_files.cmake

foreach(variable ROOT FILES OUTPUT)
  if(NOT DEFINED ${variable})
    message(FATAL_ERROR "embed_files.cmake: -D${variable}=... is missing")
  endif()
endforeach()

set(content_type_html "text/html; charset=utf-8")
set(content_type_js "text/javascript; charset=utf-8")
set(content_type_css "text/css; charset=utf-8")
set(content_type_svg "image/svg+xml")
set(content_type_txt "text/plain; charset=utf-8")

string(REPLACE "," ";" files "${FILES}")
set(arrays "")
set(table "")
set(index 0)
foreach(file IN LISTS files)
  string(REGEX REPLACE ".*\\." "" extension "${file}")
  if(NOT DEFINED content_type_${extension})
    message(FATAL_ERROR "embed_files.cmake: ${file}: no content type is known for .${extension}")
  endif()
  file(READ ${ROOT}/${file} hex HEX)
  file(SHA256 ${ROOT}/${file} digest)
  string(SUBSTRING ${digest} 0 32 digest)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  # Lines of 16 bytes: some tools dislike very long lines.
  string(REGEX REPLACE "(................................................................................)"
                       "\\1\n" bytes "${bytes}")
  string(LENGTH "${hex}" size)
  math(EXPR size "${size} / 2")
  # The closing 0 keeps the array of an empty file legal.
  string(APPEND arrays "const unsigned char kBytes${index}[] = {\n${bytes}0};\n\n")
  string(APPEND table
    "    {\"/${file}\", \"${content_type_${extension}}\", \"\\\"${digest}\\\"\",\n"
    "     std::string_view(reinterpret_cast<const char*>(kBytes${index}), ${size})},\n")
  math(EXPR index "${index} + 1")
endforeach()

file(WRITE ${OUTPUT} "// Written by tools/cmake/embed_files.cmake.
#include \"web/assets.h\"

namespace reluscape {
namespace {

${arrays}const Asset kAssets[] = {
${table}};

}  // namespace

const Asset* FindAsset(const std::string& path) {
  const std::string_view wanted = path == \"/\" ? std::string_view(\"/index.html\") : path;
  for (const Asset& asset : kAssets) {
    if (asset.path == wanted) {
      return &asset;
    }
  }
  return nullptr;
}

}  // namespace reluscape
")
