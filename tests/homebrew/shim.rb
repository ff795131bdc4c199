# ruby shim.rb FORMULA PREFIX PYTHON: as much of Homebrew's own words as the formula uses, so that its steps can be run without it.
# Unpacks the archive of this machine (a file URL), runs `install` into PREFIX, then the formula's test.
require "digest"
require "fileutils"
require "open3"
require "pathname"
require "rbconfig"
require "tmpdir"

PREFIX = Pathname.new(ARGV[1])
PYTHON = Pathname.new(ARGV[2])

class Pathname
  def install(*sources)
    mkpath
    sources.flatten.each do |source|
      (source.is_a?(Hash) ? source : { source => File.basename(source) }).each { |from, to| FileUtils.cp_r(from, self/to) }
    end
  end

  alias_method :plain_write, :write
  def write(text)
    raise "Will not overwrite #{self}" if exist?

    dirname.mkpath
    plain_write(text)
  end
end

class Formula
  class << self
    attr_reader :source, :tested, :dependencies, :version

    %i[desc homepage license].each { |word| define_method(word) { |_| } }

    def depends_on(name) = (@dependencies ||= []) << name
    def test(&block) = @tested = block
    def on_macos = (yield if RbConfig::CONFIG["host_os"].include?("darwin"))
    def on_linux = (yield if RbConfig::CONFIG["host_os"].include?("linux"))
    def on_arm = (yield if RbConfig::CONFIG["host_cpu"].match?(/arm|aarch64/))
    def on_intel = (yield if RbConfig::CONFIG["host_cpu"].match?(/x86/))

    def url(text)
      @source = text.delete_prefix("file://")
      @version = File.basename(@source, ".tar.gz")[/[^-]+$/]
    end

    def sha256(text)
      found = Digest::SHA256.file(@source).hexdigest
      abort "#{@source} is #{found}, not #{text}" if found != text
    end
  end

  def formula_opt_bin(name)
    abort "#{name} is used and not depended on" unless Loco.dependencies.include?(name)
    PYTHON.dirname
  end

  def version = self.class.version
  def bin = PREFIX/"bin"
  def libexec = PREFIX/"libexec"
  def bash_completion = PREFIX/"etc/bash_completion.d"
  def zsh_completion = PREFIX/"share/zsh/site-functions"
  def fish_completion = PREFIX/"share/fish/vendor_completions.d"
  def testpath = PREFIX/"test"

  def system(*argv)
    Kernel.system(*argv.map(&:to_s)) || abort("failed: #{argv.join(" ")}")
  end

  def chmod(mode, path) = File.chmod(mode, path)
  def assert_equal(wanted, found) = (abort "#{found.inspect} is not #{wanted.inspect}" if wanted != found)
  def assert_match(wanted, found) = (abort "#{wanted.inspect} is not in #{found.inspect}" unless found.include?(wanted))

  def shell_output(command, code = 0)
    said, status = Open3.capture2(command)
    abort "#{command} ended with #{status.exitstatus}, not #{code}: #{said}" if status.exitstatus != code
    said
  end
end

require File.expand_path(ARGV[0])
Dir.mktmpdir do |folder|
  Kernel.system("tar", "-xzf", Loco.source, "-C", folder, "--strip-components=1", exception: true)
  loco = Loco.new
  Dir.chdir(folder) { loco.install }
  loco.testpath.mkpath
  loco.instance_eval(&Loco.tested)
end
puts "installed and tested #{Loco.version}"
