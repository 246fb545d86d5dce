<?php
// Reports the fields and files of a multipart body as PHP saw them: the query
// that $_POST without its ApiSignature builds, that signature, every field's
// name and value, and every file. Bytes travel in base64.
declare(strict_types=1);
error_reporting(0);

function fields(array $a, string $prefix = ''): array
{
    $out = [];
    foreach ($a as $key => $value) {
        $name = $prefix === '' ? (string) $key : $prefix . '[' . $key . ']';
        if (is_array($value)) {
            array_push($out, ...fields($value, $name));
        } else {
            $out[] = ['Name' => base64_encode($name), 'Value' => base64_encode($value)];
        }
    }
    return $out;
}

// PHP puts a file's name under $_FILES['a']['name']['b'] when it was sent as
// a[b], and its error and size alike.
function files(string $name, mixed $filename, mixed $path, mixed $error, mixed $size): array
{
    if (!is_array($filename)) {
        return [[
            'Name' => base64_encode($name),
            'Filename' => base64_encode($filename),
            'Error' => $error,
            'Size' => $size,
            'SHA256' => $error === UPLOAD_ERR_OK ? hash_file('sha256', $path) : '',
        ]];
    }
    $out = [];
    foreach ($filename as $sub => $_) {
        array_push($out, ...files("{$name}[$sub]", $filename[$sub], $path[$sub], $error[$sub], $size[$sub]));
    }
    return $out;
}

$files = [];
foreach ($_FILES as $name => $file) {
    array_push($files, ...files((string) $name, $file['name'], $file['tmp_name'], $file['error'], $file['size']));
}
$signature = $_POST['ApiSignature'] ?? null;
unset($_POST['ApiSignature']);
header('Content-Type: application/json');
echo json_encode([
    'Signed' => $signature !== null,
    'Signature' => is_string($signature) ? base64_encode($signature) : '',
    'Query' => base64_encode(http_build_query($_POST, '', '&')),
    'Fields' => fields($_POST),
    'Files' => $files,
]);
